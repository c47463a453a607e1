"""The buyers' money, outside the backend: it outlives a backend that is lost, and does nothing twice under one key."""

from msgspec import Struct

OPENING_TENGE = 200_000  # on each account of the simulator's people


class Payment(Struct, frozen=True):
    """Money that moved on somebody's account; above 0 it came in."""

    person: str
    account: str
    tenge: int


class Bank:
    """Who has how much. Whoever asks for the same payment again, after a crash or from a copy, moves nothing."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}  # by key

    def move(self, key: str, payment: Payment) -> None:
        """Carry out a payment, once. Raises ValueError where the key was another payment's."""
        if self.payments.setdefault(key, payment) != payment:
            raise ValueError(f"{key}: is {self.payments[key]}, not {payment}")

    def balance(self, person: str, account: str) -> int:
        """In tenge."""
        moved = (each for each in self.payments.values() if (each.person, each.account) == (person, account))
        return OPENING_TENGE + sum(each.tenge for each in moved)

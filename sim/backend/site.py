"""What the backend is told of the locker that it serves, when it is provisioned."""

from datetime import timedelta, timezone, tzinfo
from enum import StrEnum

from msgspec import Struct

ALMATY = timezone(timedelta(hours=5))  # since 1 March 2024; a fixed one, for not every host knows it yet


class CodeAt(StrEnum):
    """When a buyer gets the code of a pickup."""

    ORDER = "order"
    DEPOSIT = "deposit"


class Site(Struct, frozen=True):
    """The locker that this backend serves. `code_key` is the key of its code digests.

    `journal_key` is the public key, 32 bytes, under which the locker signs its journal; told when it was provisioned.
    """

    locker: str
    address: str
    code_key: bytes
    journal_key: bytes
    epoch: int = 1
    code_digits: int = 8
    code_at: CodeAt = CodeAt.DEPOSIT
    quiet_after_pickup_s: int = 3_600
    zone: tzinfo = ALMATY
    static_tokens: bool = True  # whether its codes for the camera may be without dates, as on paper, unless `configure` says otherwise
    sms_link: str = "https://app.example/q/"  # what the link in a buyer's SMS begins with; "": there is none

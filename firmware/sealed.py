"""What the locker itself signs: the head of each batch of its journal that goes out, its hellos, and the anchor that pruning leaves.

The backend learns the public key when a locker is provisioned. With `firmware.signed`, and `firmware.provision` at a setup, the only
module of the firmware that imports `cryptography`. What a signature covers is `firmware.chain.sealed`; Ed25519 (RFC 8032) over it.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware import chain


class JournalKey:
    """The locker's own Ed25519 key, a systemd credential: neither in the database nor in a backup."""

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError unless the seed has 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, what: chain.Sealed, place: chain.Place | chain.Greeting) -> bytes:
        """The signature, 64 bytes, over this place in the journal."""
        return self._key.sign(chain.sealed(what, place))

    def verifies(self, what: chain.Sealed, place: chain.Place, signature: bytes) -> bool:
        """Whether this key made the signature."""
        try:
            self._key.public_key().verify(signature, chain.sealed(what, place))
        except InvalidSignature:
            return False
        return True

"""`postomat provision`: makes a locker's secrets, and says what the backend and the broker must be told of them.

Each secret is made once and kept: a second run makes what is missing and tells the same again. The key of the TLS certificate
(ECDSA, P-256) leaves the folder in a certificate request only; whoever runs the broker's authority signs it. For tests and a
laptop an authority of our own may sign at once.
"""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from firmware.errors import PostomatError
from firmware.sealed import JournalKey

KEY_BYTES = 32
VALID = timedelta(days=3_650)  # of what our own authority signs


class Provisioned(Struct, frozen=True):
    """What others must be told: nothing of it is secret but what lies in the file `code_key`."""

    locker: str
    journal_key: str  # public, in hex: the backend verifies journal and hellos with it
    code_key: str  # the file that the backend must have, too, by a way that nobody reads
    request: str  # the file that the broker's authority signs; its subject is the locker
    certificate: str | None  # the file, where an authority of our own has signed
    ca: str | None


def provision(locker: str, folder: Path, utc_ms: int, authority: Path | None = None) -> Provisioned:
    """Make what is missing in this folder; `utc_ms` is the wall time. Raises PostomatError, naming the file that is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _kept(folder / "code_key", lambda: secrets.token_bytes(KEY_BYTES))
        seed = _kept(folder / "journal_key", lambda: secrets.token_bytes(KEY_BYTES))
        key = _ec_key(folder / "link_key")
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(_name(locker)).sign(key, hashes.SHA256())
        )
        (folder / "link.csr").write_bytes(request.public_bytes(Encoding.PEM))
        if authority is not None:
            certificate = Authority(authority, utc_ms).sign(request)
            (folder / "link.crt").write_bytes(certificate)
        return Provisioned(
            locker=locker,
            journal_key=JournalKey(_seed(folder / "journal_key", seed)).public.hex(),
            code_key=str(folder / "code_key"),
            request=str(folder / "link.csr"),
            certificate=str(folder / "link.crt") if authority is not None else None,
            ca=str(authority / "ca.crt") if authority is not None else None,
        )
    except OSError as error:
        raise PostomatError(f"{error.filename}: {error.strerror}") from None


class Authority:
    """A certificate authority of our own, in a folder: `ca.crt`, and `ca.key`, which never goes to a locker."""

    def __init__(self, folder: Path, utc_ms: int) -> None:
        """Open it, or make it. Raises OSError, PostomatError."""
        self._now = datetime.fromtimestamp(utc_ms / 1_000, UTC)
        folder.mkdir(parents=True, exist_ok=True)
        self._key = _ec_key(folder / "ca.key")
        self._name = _name("postomat test authority")
        path = folder / "ca.crt"
        if not path.exists():
            usage = x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            )  # fmt: skip
            basic = x509.BasicConstraints(ca=True, path_length=0)
            path.write_bytes(self._sign(self._name, self._key.public_key(), [(basic, True), (usage, True)]))

    def sign(self, request: x509.CertificateSigningRequest, server: str | None = None) -> bytes:
        """A certificate in PEM for a client, or for a `server` at this address or name. Raises PostomatError."""
        if not request.is_signature_valid:
            raise PostomatError("the certificate request is not signed with its own key")
        use = ExtendedKeyUsageOID.CLIENT_AUTH if server is None else ExtendedKeyUsageOID.SERVER_AUTH
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([use]), False),
        ]
        if server is not None:
            extensions.append((x509.SubjectAlternativeName([_server_name(server)]), False))
        return self._sign(request.subject, request.public_key(), extensions)

    def _sign(
        self, subject: x509.Name, key: object, extensions: list[tuple[x509.ExtensionType, bool]]
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(days=1))  # a locker's clock may be behind
            .not_valid_after(self._now + VALID)
        )
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension, critical in [*extensions, (ours, False)]:
            builder = builder.add_extension(extension, critical)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)  # type: ignore[arg-type]
        builder = builder.add_extension(identifier, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _server_name(server: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(server))
    except ValueError:
        return x509.DNSName(server)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _ec_key(path: Path) -> ec.EllipticCurvePrivateKey:
    pem = _kept(
        path,
        lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    )
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PostomatError(f"{path}: it is there, and is no ECDSA key in PEM")
    return key


def _seed(path: Path, raw: bytes) -> bytes:
    """As `postomat run` reads it: 32 bytes, or as many in hex."""
    try:
        seed = raw if len(raw) == KEY_BYTES else bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != KEY_BYTES:
        raise PostomatError(f"{path}: it is there, and is not {KEY_BYTES} bytes")
    return seed


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What lies there; where nothing does, it is made, for its owner's eyes only."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(made := make())
    return made

"""What a locker is provisioned with: made once, kept, readable by its owner only, and signed by an authority of ours where asked."""

import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.errors import PostomatError
from firmware.provision import Authority, provision
from firmware.sealed import JournalKey
from tests.link.harness import NOON_MS

EXAMPLE = Path(__file__).parent.parent.parent / "systemd/postomat.example.toml"


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firmware", "provision", "--config", EXAMPLE, *options]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=50)


def test_each_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    told = provision("0123", tmp_path / "keys", NOON_MS)
    secrets = {
        name: (tmp_path / "keys" / name).read_bytes() for name in ("code_key", "journal_key", "link_key")
    }
    assert len(set(secrets.values())) == 3
    assert (len(secrets["code_key"]), len(secrets["journal_key"])) == (32, 32)
    for name in secrets:
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    assert told.journal_key == JournalKey(secrets["journal_key"]).public.hex()
    assert provision("0123", tmp_path / "keys", NOON_MS) == told
    assert {name: (tmp_path / "keys" / name).read_bytes() for name in secrets} == secrets


def test_a_key_in_hex_is_read_as_the_controller_reads_it(tmp_path: Path) -> None:
    (tmp_path / "journal_key").write_text(bytes(range(32)).hex() + "\n")
    assert provision("0123", tmp_path, NOON_MS).journal_key == JournalKey(bytes(range(32))).public.hex()


@pytest.mark.parametrize("name", ["journal_key", "link_key"])
def test_what_is_no_key_is_not_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(PostomatError, match=f"{name}: it is there, and is "):
        provision("0123", tmp_path, NOON_MS)
    assert (tmp_path / name).read_bytes() == b"something else"


def test_the_request_names_the_locker_and_an_authority_of_ours_signs_it_for_clients_only(
    tmp_path: Path,
) -> None:
    told = provision("0123", tmp_path, NOON_MS, tmp_path / "ca")
    request = x509.load_pem_x509_csr(Path(told.request).read_bytes())
    assert request.subject.rfc4514_string() == "CN=0123"
    certificate = x509.load_pem_x509_certificate((tmp_path / "link.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((tmp_path / "ca/ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject == request.subject
    use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert use == x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    Authority(tmp_path / "ca", NOON_MS)  # it is kept
    assert (tmp_path / "ca/ca.crt").read_bytes() == authority.public_bytes(Encoding.PEM)
    context = ssl.create_default_context(cafile=tmp_path / "ca/ca.crt")
    context.load_cert_chain(tmp_path / "link.crt", tmp_path / "link_key")


def test_the_command_tells_people_and_scripts_and_no_secret(tmp_path: Path) -> None:
    told = json.loads(run("--folder", tmp_path, "--json").stdout)
    assert (told["locker"], told["code_key"]) == ("0123", str(tmp_path / "code_key"))
    people = run("--folder", tmp_path, "--test-ca", tmp_path / "ca")
    assert people.returncode == 0
    assert told["journal_key"] in people.stdout
    for name in ("code_key", "journal_key"):
        assert (tmp_path / name).read_bytes().hex() not in people.stdout + people.stderr


def test_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "journal_key").write_bytes(b"x")
    failed = run("--folder", tmp_path)
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
    (tmp_path / "file").touch()
    assert run("--folder", tmp_path / "file/below").returncode == 1
    assert run("--folder").returncode == 2
    command = [sys.executable, "-m", "firmware", "provision", "--config", str(tmp_path / "none.toml")]
    assert subprocess.run(command, capture_output=True, timeout=50).returncode == 3

"""TLS of the signed HTTP rail: the bank's authority pinned, and a certificate of our own shown."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.rails.conftest import attempt
from tests.rails.test_http import Answer, answered, signed_answer

from roadstead.clock import SystemClock
from roadstead.rails.message_signatures import Request
from roadstead.rails.protocol import Absent, Unknown
from roadstead.sandbox.network.tls import Certificates, certificates_in


def absent(request: Request) -> Answer:
    return signed_answer(request, 404, {"code": "not_found", "message": ""})


def server_side(certificates: Certificates, *, clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


@pytest.fixture
def bank_certificates(tmp_path: Path) -> Certificates:
    return certificates_in(tmp_path / "bank", "127.0.0.1")


@pytest.fixture
def other_certificates(tmp_path: Path) -> Certificates:
    return certificates_in(tmp_path / "other", "127.0.0.1")


class TestTheAuthority:
    async def test_that_is_pinned_is_believed(self, bank_certificates: Certificates) -> None:
        tls = server_side(bank_certificates)
        async with answered(absent, tls=tls, authority=bank_certificates.authority) as rail:
            assert isinstance(await rail.find(attempt(1)), Absent)

    async def test_of_somebody_else_is_not(
        self, bank_certificates: Certificates, other_certificates: Certificates
    ) -> None:
        tls = server_side(bank_certificates)
        async with answered(absent, tls=tls, authority=other_certificates.authority) as rail:
            assert isinstance(await rail.find(attempt(1)), Unknown)
            assert isinstance(await rail.submit(attempt(1)), Unknown)

    async def test_that_the_machine_does_not_know_is_not(self, bank_certificates: Certificates) -> None:
        async with answered(absent, tls=server_side(bank_certificates)) as rail:
            assert isinstance(await rail.find(attempt(1)), Unknown)


def client_certificate(file: Path) -> Path:
    """A certificate of our own, signed by itself, with its key, in one file as the setting wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anchor.example")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(certificate.public_bytes(pem) + private)
    return file


class TestOurCertificate:
    async def test_is_shown_to_a_bank_that_asks_for_it(
        self, bank_certificates: Certificates, tmp_path: Path
    ) -> None:
        ours = client_certificate(tmp_path / "client.pem")
        tls = server_side(bank_certificates, clients=ours)
        authority = bank_certificates.authority
        async with answered(absent, tls=tls, authority=authority, client_certificate=ours) as rail:
            assert isinstance(await rail.find(attempt(1)), Absent)

    async def test_is_missed_by_a_bank_that_asks_for_it_or_for_another(
        self, bank_certificates: Certificates, tmp_path: Path
    ) -> None:
        tls = server_side(bank_certificates, clients=client_certificate(tmp_path / "client.pem"))
        authority = bank_certificates.authority
        async with answered(absent, tls=tls, authority=authority) as rail:
            assert isinstance(await rail.find(attempt(1)), Unknown)
        another = client_certificate(tmp_path / "another.pem")
        async with answered(absent, tls=tls, authority=authority, client_certificate=another) as rail:
            assert isinstance(await rail.find(attempt(1)), Unknown)

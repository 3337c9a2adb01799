"""A certificate authority of the network's own, for clients that speak https only."""

import os
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roadstead.clock import SystemClock

_LIFETIME = timedelta(days=820)
_MARGIN = timedelta(days=1)
_NAMES = ("localhost", "horizon-testnet.stellar.org", "friendbot.stellar.org")
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Where the certificates lie: the authority's (for clients), the server's and its key."""

    authority: Path
    server: Path
    key: Path


def certificates_in(folder: Path, host: str) -> Certificates:
    """The certificates in a folder, made there if they are missing or have run out."""
    found = Certificates(
        authority=folder / "authority.pem",
        server=folder / "server.pem",
        key=folder / "server-key.pem",
    )
    if not _usable(found):
        folder.mkdir(parents=True, exist_ok=True)
        _make(found, host)
    return found


def _usable(certificates: Certificates) -> bool:
    if not (certificates.authority.exists() and certificates.key.exists()):
        return False
    try:
        server = x509.load_pem_x509_certificate(certificates.server.read_bytes())
    except (OSError, ValueError):
        return False
    return server.not_valid_after_utc > SystemClock().now() + _MARGIN


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Roadstead Sandbox Authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MARGIN)
        .not_valid_after(now + _LIFETIME)
    )


def _alternatives(host: str) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    addresses = dict.fromkeys(_ADDRESSES)
    try:
        addresses |= {str(ip_address(host)): None}
    except ValueError:
        names.append(x509.DNSName(host))
    names += [x509.IPAddress(ip_address(address)) for address in addresses]
    return x509.SubjectAlternativeName(names)


def _make(certificates: Certificates, host: str) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = (
        _builder("Roadstead Sandbox Authority", authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _builder("localhost", server_key.public_key())
        .add_extension(_alternatives(host), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = server_key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(certificates.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    certificates.server.write_bytes(server.public_bytes(encoding))
    certificates.authority.write_bytes(authority.public_bytes(encoding))

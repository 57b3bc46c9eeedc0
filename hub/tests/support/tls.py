"""A certificate authority of the tests' own, and a server's certificate by it."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """`ca_file`, and what a server of `names` shows: `chain` and `key`, as files."""

    ca_file: Path
    chain: Path
    key: Path

    def server_context(self):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.chain, self.key)
        return made


def authority(root, *names):
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority nobody knows")])
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    signed = _certificate(ca_name, ca_name, ca_key.public_key(), ca_key, x509.BasicConstraints(ca=True, path_length=0))
    alternatives = x509.SubjectAlternativeName([_name(one) for one in names])
    shown = _certificate(own_name, ca_name, key.public_key(), ca_key, alternatives)
    root.mkdir(parents=True, exist_ok=True)
    made = Authority(root / "ca.pem", root / "server.pem", root / "server.key")
    made.ca_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.chain.write_bytes(shown.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def _certificate(subject, issuer, public_key, signing_key, extension):
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signing_key, hashes.SHA256())
    )


def _name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

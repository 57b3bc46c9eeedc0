"""Whose certificates the hub believes when it connects to the outside, one answer for every client library."""

import ssl

import certifi

from trunkline.protocol.errors import SettingInvalidError


def context(ca_file: str) -> ssl.SSLContext:
    """Return what TLS clients are made with: the machine's authorities, Mozilla's, and those of `ca_file`.

    Raises:
        SettingInvalidError
    """
    made = ssl.create_default_context()
    made.load_verify_locations(certifi.where())
    if ca_file:
        load(made, ca_file)
    return made


def load(into: ssl.SSLContext, ca_file: str) -> None:
    """Add the authorities of a PEM file.

    Raises:
        SettingInvalidError: it holds none, or is no such file.
    """
    try:
        into.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingInvalidError(f"outbound.ca_file: {ca_file!r}: {error}") from None


def roots(trusted: ssl.SSLContext) -> bytes:
    """Return the authorities of a context as PEM."""
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in trusted.get_ca_certs(binary_form=True)).encode()

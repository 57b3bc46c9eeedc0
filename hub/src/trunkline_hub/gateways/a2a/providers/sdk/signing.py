"""Signatures of agent cards: JWS over the canonical card (§8.4)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.types import a2a_pb2 as pb
from a2a.utils.signing import (
    SignatureVerificationError,
    create_agent_card_signer,
    create_signature_verifier,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from jwt.algorithms import ECAlgorithm

ALGORITHMS = ["ES256", "ES384", "EdDSA", "RS256", "PS256"]


class CardSigner:
    """Signs the hub's cards with ES256, and checks those of others."""

    def make_key(self) -> str:
        """Return a new private key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def jwks(self, private_key: str) -> dict[str, Any]:
        """Return the set of the one public key."""
        return {"keys": [_public(private_key)]}

    def sign(self, card: Mapping[str, Any], private_key: str, jku: str, *, legacy: bool) -> dict[str, Any]:
        """Return the card with its signature; `legacy` adds what clients of A2A 0.3 look for."""
        unsigned = ParseDict(dict(card), pb.AgentCard())
        header = {"alg": "ES256", "kid": _public(private_key)["kid"], "typ": "JOSE", "jku": jku}
        signed = create_agent_card_signer(private_key, header)(unsigned)  # type: ignore[arg-type] # a TypedDict, filled
        found: dict[str, Any] = agent_card_to_dict(signed) if legacy else MessageToDict(signed)
        return found

    def signed_by(self, card: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the id of the key of `keys` that a card is signed with; None where it is with none of them."""
        try:
            proto = ParseDict(dict(card), pb.AgentCard(), ignore_unknown_fields=True)
        except ParseError:
            return None
        for key in keys:
            try:
                known = jwt.PyJWK(dict(key))
                create_signature_verifier(lambda _kid, _jku, known=known: known, ALGORITHMS)(proto)  # type: ignore[misc]
            except (SignatureVerificationError, jwt.PyJWTError):
                continue
            return str(key.get("kid") or _thumbprint(key))
        return None


def _public(private_key: str) -> dict[str, Any]:
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    found: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {**found, "kid": _thumbprint(found), "use": "sig", "alg": "ES256"}


def _thumbprint(key: Mapping[str, Any]) -> str:
    """Return what a key is called where it has no name: RFC 7638, shortened."""
    members = {name: key[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in key}
    return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]

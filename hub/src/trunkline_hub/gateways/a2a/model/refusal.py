"""What a client is told that got no further than the door: google.rpc.Status, or an error of JSON-RPC."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from trunkline.protocol.errors import TrunklineError

_RPC_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
}
_INVALID_REQUEST, _INTERNAL = -32600, -32603
_HUB_SLASHES, _AGENT_SLASHES = 3, 5


def body_of(error: TrunklineError, *, rpc: bool) -> bytes:
    """Return the body that tells of an error."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.code.replace(".", "_").upper(),
        "domain": "trunkline.dev",
        "metadata": {"code": error.code, "remedy": error.remedy},
    }
    if rpc:
        code = _INVALID_REQUEST if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else _INTERNAL
        told: dict[str, Any] = {"code": code, "message": error.detail, "data": [info]}
        return msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": told})
    name = _RPC_NAMES.get(error.status, "INTERNAL")
    status = {"code": error.status, "status": name, "message": error.detail, "details": [info]}
    return msgspec.json.encode({"error": status})


def names_of(path_params: Mapping[str, Any]) -> set[int]:
    """Return how many slashes the address of the JSON-RPC endpoint has."""
    return {_AGENT_SLASHES} if "agent" in path_params else {_HUB_SLASHES}

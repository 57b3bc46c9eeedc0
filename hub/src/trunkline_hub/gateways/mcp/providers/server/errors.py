"""What went wrong, as JSON-RPC says it."""

from typing import Any

import mcp_types as types
from mcp import MCPError

from trunkline.protocol.errors import NotFoundError, TrunklineError


def protocol_error(error: TrunklineError) -> MCPError:
    """Return an error of ours as the protocol's."""
    code = types.INVALID_PARAMS if isinstance(error, NotFoundError) or error.status < 500 else types.INTERNAL_ERROR  # noqa: PLR2004
    return MCPError(code, error.detail, {"problem": {"code": error.code, "remedy": error.remedy}})


class as_protocol_errors:  # noqa: N801 -- reads as a word in `with`
    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: object, trace: Any) -> None:  # noqa: PYI036
        if isinstance(error, TrunklineError):
            raise protocol_error(error) from None

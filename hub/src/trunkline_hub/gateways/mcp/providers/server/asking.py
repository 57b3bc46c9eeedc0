"""Asking a caller's user for arguments that were left out, before anything is called or put on record."""

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext

from trunkline.protocol.errors import FieldError, PayloadInvalidError, pointer
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model.forms import misfits, missing_form
from trunkline_hub.gateways.mcp.providers.server.clients import ERA, capabilities
from trunkline_hub.gateways.mcp.providers.server.results import as_failure

_KEY = "arguments"
_Context = ServerRequestContext[Any, Any]
Arguments = dict[str, Any] | None


async def completed(
    ctx: _Context, params: types.CallToolRequestParams, tool: Tool, arguments: Arguments
) -> tuple[Arguments, types.InputRequiredResult | types.CallToolResult | None]:
    """Return the arguments with what the user was asked for, or the result that asks, or says that nobody would answer.

    A client of the 2026 era is asked by a result, and calls again with the
    answer; one of the 2025 era is asked meanwhile. Who cannot ask its user
    gets the error for what is missing, as ever.
    """
    asked = missing_form(tool, arguments or {})
    if asked is None or not _can_ask(ctx):
        return arguments, None
    question, form = asked
    if ctx.protocol_version == ERA:
        answer = (params.input_responses or {}).get(_KEY)
        if answer is None:
            wanted = types.ElicitRequestFormParams.model_validate({"message": question, "requestedSchema": form})
            return arguments, types.InputRequiredResult(input_requests={_KEY: types.ElicitRequest(params=wanted)})
    else:
        answer = await ctx.session.elicit_form(question, form, related_request_id=ctx.request_id)
    if not isinstance(answer, types.ElicitResult) or answer.action != "accept":
        declined = PayloadInvalidError(
            errors=[FieldError(pointer([name]), "was asked for, and not given") for name in form["properties"]]
        )
        return arguments, types.CallToolResult.model_validate(as_failure(declined))
    given = dict(answer.content or {})
    if wrong := misfits(form, given):
        return arguments, types.CallToolResult.model_validate(as_failure(PayloadInvalidError(errors=wrong)))
    return {**(arguments or {}), **{name: given[name] for name in form["properties"] if name in given}}, None


def _can_ask(ctx: _Context) -> bool:
    if ctx.protocol_version == ERA:
        return "elicitation" in capabilities(ctx)
    client = ctx.session.client_params
    return client is not None and client.capabilities.elicitation is not None

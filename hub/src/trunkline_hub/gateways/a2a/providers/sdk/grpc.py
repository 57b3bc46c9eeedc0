"""The gRPC binding, for 1.0 and 0.3, with the guard of the HTTP API."""

from collections.abc import Callable
from typing import Any

import grpc
from a2a.compat.v0_3.a2a_v0_3_pb2_grpc import add_A2AServiceServicer_to_server as add_before
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.extensions.common import HTTP_EXTENSION_HEADER
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.grpc_handler import GrpcHandler, GrpcServerCallContextBuilder
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server as add_now
from a2a.utils.errors import VersionNotSupportedError

from trunkline.protocol.errors import AccessError, NotFoundError, TokenMissingError, TrunklineError
from trunkline_hub.gateways.a2a.model import Place
from trunkline_hub.gateways.a2a.providers.sdk.handler import DOOR, Handler
from trunkline_hub.gateways.a2a.providers.sdk.http import extensions_of
from trunkline_hub.gateways.a2a.providers.sdk.versions import BEFORE, HEADER, checked
from trunkline_hub.gateways.a2a.service.gate import Gate

_AGENT, _WORKSPACE = "x-trunkline-agent", "x-trunkline-workspace"
_MAX_BYTES = 8 * 2**20


class _Contexts(GrpcServerCallContextBuilder):
    """Makes the library's context of a gRPC request; who asks is judged when the operation begins."""

    def __init__(self, gate: Gate, version: str, base_url: Callable[[], str]) -> None:
        self._gate = gate
        self._version = version
        self._base_url = base_url

    def build(self, context: grpc.aio.ServicerContext) -> ServerCallContext:
        metadata = _metadata(context)
        if checked(metadata.get(HEADER)) != self._version:
            raise VersionNotSupportedError(f"This service speaks A2A {self._version}, not {metadata.get(HEADER)!r}")
        found = ServerCallContext(
            requested_extensions=set(extensions_of([metadata.get(HTTP_EXTENSION_HEADER.lower(), "")]))
        )

        async def door() -> Place:
            try:
                return await self._admit(context, metadata, found)
            except TrunklineError as error:
                await context.abort(_status(error), error.detail)
                raise

        found.state[DOOR] = door
        found.state["headers"] = {HEADER: self._version}
        return found

    async def _admit(self, context: Any, metadata: dict[str, str], found: ServerCallContext) -> Place:
        token = metadata.get("authorization", "")
        local = context.peer().startswith(("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:"))
        tenant = found.tenant or "/".join(filter(None, (metadata.get(_WORKSPACE), metadata.get(_AGENT))))
        place = await self._gate.admit(token, tenant, local=local, base_url=self._base_url())
        return Place(
            by=place.by, workspace=place.workspace, agent=place.agent, base_url=place.base_url,
            extensions=frozenset(found.requested_extensions),
        )  # fmt: skip


async def serve(
    handler: Handler, gate: Gate, host: str, port: int, base_url: Callable[[], str]
) -> tuple[grpc.aio.Server, int]:
    """Start a server and return it with its port.

    Raises:
        RuntimeError: the port is taken.
    """
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", _MAX_BYTES), ("grpc.so_reuseport", 0)])
    add_now(GrpcHandler(handler, _Contexts(gate, "1.0", base_url)), server)  # type: ignore[no-untyped-call] # generated
    add_before(CompatGrpcHandler(handler, _Contexts(gate, BEFORE, base_url)), server)  # type: ignore[no-untyped-call] # generated
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server, bound


def _metadata(context: Any) -> dict[str, str]:
    given = context.invocation_metadata() or ()
    return {key.lower(): value if isinstance(value, str) else value.decode("latin-1") for key, value in given}


def _status(error: TrunklineError) -> grpc.StatusCode:
    if isinstance(error, TokenMissingError) or error.status == 401:  # noqa: PLR2004 -- as over HTTP
        return grpc.StatusCode.UNAUTHENTICATED
    if isinstance(error, NotFoundError):
        return grpc.StatusCode.NOT_FOUND
    return grpc.StatusCode.PERMISSION_DENIED if isinstance(error, AccessError) else grpc.StatusCode.INVALID_ARGUMENT

"""gRPC to agents elsewhere, by the rules of the door out: judged addresses, bounded sizes and times, no proxy."""

from collections.abc import Mapping
from typing import Any

import grpc

from trunkline_hub.gateways.a2a.model.remote import GrpcTarget
from trunkline_hub.outbound import Guard


async def open_channel(guard: Guard, target: GrpcTarget, headers: Mapping[str, str], timeout_s: float) -> Any:
    """Return a channel to the very addresses that were judged; TLS verifies the name all the same.

    Raises:
        OutboundRefusedError, OutboundUnreachableError
    """
    found = await guard.addresses(target.host, target.port)
    family = "ipv6" if ":" in found[0] else "ipv4"
    same = [one for one in found if (":" in one) == (family == "ipv6")]
    places = ",".join(f"[{one}]:{target.port}" if family == "ipv6" else f"{one}:{target.port}" for one in same)
    options = [
        ("grpc.default_authority", target.authority), ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", guard.settings.max_bytes), ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1), ("grpc.use_local_subchannel_pool", 1),
    ]  # fmt: skip
    calls = [_Unary(headers, timeout_s), _Streamed(headers, guard.settings.total_s)]
    if not target.is_tls:
        return grpc.aio.insecure_channel(f"{family}:{places}", options=options, interceptors=calls)
    options.append(("grpc.ssl_target_name_override", target.host))
    return grpc.aio.secure_channel(
        f"{family}:{places}", grpc.ssl_channel_credentials(guard.tls_roots), options=options, interceptors=calls
    )


class _Call:
    def __init__(self, headers: Mapping[str, str], timeout_s: float) -> None:
        self._headers = [(name.lower(), value) for name, value in headers.items()]
        self._timeout_s = timeout_s

    def _with(self, details: Any) -> Any:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *self._headers)
        return details._replace(metadata=metadata, timeout=min(details.timeout or self._timeout_s, self._timeout_s))


class _Unary(_Call, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc] # the library has no types
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with(client_call_details), request)


class _Streamed(_Call, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc] # the library has no types
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with(client_call_details), request)

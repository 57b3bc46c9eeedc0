"""What the hub asks of addresses that somebody named."""

from trunkline.protocol.errors.base import TrunklineError


class OutboundError(TrunklineError):
    code, status = "outbound.bad", 502
    title = "The other side could not be asked"
    remedy = "Ask for the URL from where the hub runs, and compare."


class OutboundRefusedError(OutboundError):
    code, status = "outbound.refused", 403
    title = "The hub does not go to this address"
    remedy = "Name a public http(s) address, or have an operator add the host to `outbound.allow`."


class OutboundUnreachableError(OutboundError):
    code, status = "outbound.unreachable", 502
    title = "The other side cannot be reached, or broke off"
    remedy = "See that it runs and answers where the URL says."


class OutboundTimeoutError(OutboundError):
    code, status = "outbound.timeout", 504
    title = "The other side did not answer in time"
    remedy = "Try again; `outbound.read_s` and `outbound.total_s` say how long the hub waits."


class OutboundTooLargeError(OutboundError):
    code, status = "outbound.too_large", 502
    title = "The answer of the other side is larger than the hub reads"
    remedy = "Ask for less at once, or raise `outbound.max_bytes`."

"""The hub or the broker cannot be reached."""

from trunkline.protocol.errors.base import UnavailableError


class BusUnavailableError(UnavailableError):
    code = "bus.unavailable"
    title = "The broker did not acknowledge in time"
    remedy = "Publish again with the same id: it is stored once. `trunkline doctor` tells why."


class HubUnreachableError(UnavailableError):
    code = "hub.unreachable"
    title = "No hub answers at this address"
    remedy = "Start one with `trunkline serve`, or set TRUNKLINE_URL."


class ClientClosedError(UnavailableError):
    code = "client.closed"
    title = "The client is closed"
    remedy = "Use the client inside `async with`."

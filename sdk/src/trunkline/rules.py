"""Rules for event types: which payloads fit, as the catalogue says; kept up to date in the background.

The hub and the SDK judge by the same code. A type without a rule costs one
look into a dictionary; the validator is loaded and compiled when the first
event of an enforced type comes along.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from nats.aio.msg import Msg

from trunkline.connection import Bus
from trunkline.http import HttpApi
from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.dataschema import urn, version_named
from trunkline.protocol.errors import FieldError, NotFoundError, PayloadInvalidError, TrunklineError, pointer
from trunkline.protocol.resources import EventTypeRules, TypeRule, VersionRule
from trunkline.tasks import Tasks

CHANGED = "trunkline.event_type.changed"
"""The fact by which clients and hubs learn that the catalogue has changed."""

_log = logging.getLogger("trunkline.rules")
_REFRESH_S = 300.0
_RETRY_S = 5.0
_FIRST_LOAD_S = 2.0
_SHOWN_PROBLEMS = 20
_DETAIL_CHARS = 300
_BACKTRACKS = 100_000
_ANY = Codec(Any)


class TypeCheck:
    """Holds payloads of one event type against its versions, newest first."""

    def __init__(self, rule: TypeRule) -> None:
        self.rule = rule
        self._validators: dict[int, Any] = {}

    def check(self, message: ce.Envelope, *, sending: bool) -> int | None:
        """Return the version that the payload fits; senders may use the live ones only.

        A payload that travels by reference is taken on trust: None.

        Raises:
            PayloadInvalidError: with a JSON pointer into the event for each wrong value.
        """
        if message.dataref is not None and not bytes(message.data) and message.data_base64 is None:
            return None
        candidates = self._candidates(message.dataschema, sending=sending)
        number, problems = self.judge(_value(message), candidates)
        if problems:
            raise PayloadInvalidError(
                f"The payload does not fit version {number} of {self.rule.name!r}",
                errors=[FieldError("/data" + problem.pointer, problem.detail) for problem in problems],
            )
        return number

    def judge(self, value: Any, candidates: Iterable[VersionRule]) -> tuple[int, list[FieldError]]:
        """Return the first version that `value` fits; where none does, the first one and what is wrong by it."""
        first: VersionRule | None = None
        for version in candidates:
            if self._validator(version).is_valid(value):
                return version.number, []
            first = first or version
        if first is None:
            return 0, [FieldError("", f"{self.rule.name!r} has no version that senders may use")]
        return first.number, [
            FieldError(pointer(error.instance_path), error.message[:_DETAIL_CHARS])
            for error, _ in zip(self._validator(first).iter_errors(value), range(_SHOWN_PROBLEMS), strict=False)
        ]

    def _candidates(self, dataschema: str | None, *, sending: bool) -> list[VersionRule]:
        usable = [version for version in self.rule.versions if version.live or not sending]
        named = version_named(dataschema, self.rule.name) if dataschema else None
        if named is None:
            return usable
        found = [version for version in usable if version.number == named]
        if found or not sending:
            return found or usable
        detail = f"version {named} of {self.rule.name!r} does not exist or is deprecated"
        raise PayloadInvalidError(errors=[FieldError("/dataschema", detail)])

    def _validator(self, version: VersionRule) -> Any:
        validator = self._validators.get(version.number)
        if validator is None:
            import jsonschema_rs  # noqa: PLC0415 -- 15 MB that programs without enforced types never load

            validator = self._validators[version.number] = jsonschema_rs.Draft202012Validator(
                version.schema, validate_formats=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
            )  # fmt: skip
        return validator


class Rules:
    """The enforced types of a client's workspace."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api
        self._checks: dict[str, TypeCheck] = {}
        self._revision = -1
        self._wake = asyncio.Event()
        self._tasks = Tasks()

    def check_sent(self, message: ce.Envelope) -> None:
        """Refuse what does not fit its type, and name the version that it fits.

        Raises:
            PayloadInvalidError
        """
        found = self._checks.get(message.type)
        if found is not None:
            number = found.check(message, sending=True)
            if number is not None and message.dataschema is None:
                message.dataschema = urn(self._api.workspace, message.type, number)

    def check_received(self, message: ce.Envelope) -> None:
        """Refuse what does not fit any version of its type.

        Raises:
            PayloadInvalidError
        """
        found = self._checks.get(message.type)
        if found is not None:
            found.check(message, sending=False)

    async def start(self, bus: Bus) -> None:
        """Load the rules, then follow their changes until `close`."""
        subject = subjects.event(self._api.workspace, subjects.HUB, CHANGED)
        await bus.subscribe(subject, self._on_changed)
        bus.on_up.append(self._wake.set)  # what was said meanwhile was not heard
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOAD_S):
                await self._load()
        self._tasks.spawn(self._follow(), name="rules")

    async def close(self) -> None:
        """Stop following."""
        await self._tasks.close()

    async def _follow(self) -> None:
        pause = _REFRESH_S if self._revision >= 0 else _RETRY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()
            pause = _REFRESH_S if await self._load() else _RETRY_S

    async def _load(self) -> bool:
        try:
            rules = await self._api.get("/event-type-rules", EventTypeRules)
        except NotFoundError:  # a hub that knows no catalogue
            return True
        except TrunklineError as error:
            _log.debug("the rules for event types could not be loaded: %s", error)
            return False
        if rules.revision != self._revision:
            self._checks = {rule.name: TypeCheck(rule) for rule in rules.types}
            self._revision = rules.revision
        return True

    async def _on_changed(self, _msg: Msg) -> None:
        self._wake.set()


def _value(message: ce.Envelope) -> Any:
    """Return the payload as a schema sees it: what JSON has no form for, such as bytes in MessagePack, as text.

    Raises:
        PayloadInvalidError: it is in no format that has values.
    """
    value = _ANY.read(message)
    if not isinstance(value, bytes):
        with contextlib.suppress(TypeError):
            return msgspec.to_builtins(value, str_keys=True)
    raise PayloadInvalidError(errors=[FieldError("/data", "must be JSON, or what can be written as JSON")])

"""The catalogue of event types over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources
from trunkline.protocol.resources import Compatibility, Reading, Unknown


class EventTypesApi:
    """The catalogue of event types."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.EventTypePage:
        """List types; filters: `text`, `owner`, `tag`, `deprecated`, `declared`, `limit`, `cursor`."""
        return await self._api.get("/event-types", resources.EventTypePage, **filters)

    async def get(self, name: str) -> resources.EventTypeDetail:
        """Return a type with its newest schema, who publishes and who consumes it, or raise EventTypeUnknownError."""
        return await self._api.get(_path(name), resources.EventTypeDetail)

    async def declare(self, name: str, declaration: resources.EventTypeDeclaration) -> resources.EventType:
        """Declare a type or change what is declared; a schema that is new becomes a version.

        Raises:
            SchemaInvalidError, SchemaIncompatibleError, RequestInvalidError
        """
        return await self._api.put(_path(name), resources.EventType, declaration)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Delete a type and its versions; raise EventTypeInUseError where somebody uses it, unless forced."""
        await self._api.delete(_path(name) + ("?force=true" if force else ""))

    async def versions(self, name: str, **filters: Any) -> resources.EventTypeVersionPage:
        """List a type's versions, newest first; filters: `limit`, `cursor`."""
        return await self._api.get(f"{_path(name)}/versions", resources.EventTypeVersionPage, **filters)

    async def version(self, name: str, number: int) -> resources.EventTypeVersion:
        """Return one version, or raise EventTypeVersionUnknownError."""
        return await self._api.get(f"{_path(name)}/versions/{number}", resources.EventTypeVersion)

    async def add_version(self, name: str, version: resources.NewEventTypeVersion) -> resources.EventTypeVersion:
        """Add a version; one that is there already is returned as it is.

        Raises:
            EventTypeUnknownError, SchemaInvalidError, SchemaIncompatibleError
        """
        return await self._api.post(f"{_path(name)}/versions", resources.EventTypeVersion, version)

    async def deprecate_version(self, name: str, number: int, *, deprecated: bool = True) -> resources.EventTypeVersion:
        """Let senders no longer use a version (or let them again)."""
        change = resources.EventTypeVersionChange(deprecated=deprecated)
        return await self._api.put(f"{_path(name)}/versions/{number}", resources.EventTypeVersion, change)

    async def remove_version(self, name: str, number: int, *, force: bool = False) -> None:
        """Delete a version; one that is not deprecated only when forced."""
        await self._api.delete(f"{_path(name)}/versions/{number}" + ("?force=true" if force else ""))

    async def check(
        self,
        name: str,
        schema: dict[str, Any],
        *,
        compatibility: Compatibility | None = None,
        reading: Reading | None = None,
    ) -> resources.CompatibilityReport:
        """Tell whether a schema could become the next version; nothing is stored."""
        wanted = resources.CompatibilityCheck(schema=schema, compatibility=compatibility, reading=reading)
        return await self._api.post(f"{_path(name)}/check", resources.CompatibilityReport, wanted)

    async def validate(self, name: str, data: Any, *, version: int | None = None) -> resources.ValidationReport:
        """Tell whether a payload fits a type; nothing is published."""
        wanted = resources.ValidationRequest(data=data, version=version)
        return await self._api.post(f"{_path(name)}/validate", resources.ValidationReport, wanted)

    async def rules(self) -> resources.EventTypeRules:
        """Return what senders are held to: the enforced types, and what becomes of unknown ones."""
        return await self._api.get("/event-type-rules", resources.EventTypeRules)

    async def set_rules(self, unknown: Unknown) -> resources.EventTypeRules:
        """Say what becomes of events of undeclared types that come through the hub."""
        change = resources.EventTypeRulesChange(unknown=unknown)
        return await self._api.put("/event-type-rules", resources.EventTypeRules, change)

    async def quarantine(self, **filters: Any) -> resources.QuarantinePage:
        """List events that do not fit their type, newest first; filters: `type`, `sender`, `limit`, `cursor`."""
        return await self._api.get("/quarantine", resources.QuarantinePage, **filters)


def _path(name: str) -> str:
    return f"/event-types/{segment(name)}"

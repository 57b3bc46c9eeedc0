"""Resources: the schemas of event types, and what tasks made."""

from urllib.parse import quote, unquote

import mcp_types as types
import msgspec
from mcp import MCPError

from trunkline.protocol.errors import BlobUnknownError, EventTypeUnknownError, NotFoundError
from trunkline.protocol.tasks import Artifact
from trunkline_hub.gateways.mcp.providers.server.errors import as_protocol_errors
from trunkline_hub.gateways.mcp.service import Mount, Work
from trunkline_hub.tasks.model import Record

_SCHEMA_URI = "trunkline://event-types/"
_SCHEMA_TYPE = "application/schema+json"
_TASK_URI = "trunkline://tasks/"
_ARTIFACTS = "/artifacts/"
_OF_TASKS = "tasks:"
"""Begins the cursors of the second half of the list, which is that of artifacts."""

_TEMPLATES = [
    types.ResourceTemplate(
        uri_template=_SCHEMA_URI + "{type}", name="event-type-schema", mime_type=_SCHEMA_TYPE,
        description="The newest JSON Schema of an event type.",
    ),
    types.ResourceTemplate(
        uri_template=_TASK_URI + "{task}" + _ARTIFACTS + "{artifact}", name="task-artifact",
        description="What a task of yours made.",
    ),
]  # fmt: skip


class Resources:
    """Lists and reads what the caller of a mount may see."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def page(self, mount: Mount, cursor: str | None) -> types.ListResourcesResult:
        """Return event types first, then artifacts, page by page."""
        with as_protocol_errors():
            if cursor is None or not cursor.startswith(_OF_TASKS):
                found, onward = await self._work.desk.event_types(mount, cursor)
                shown = [_schema(one.name, one.description) for one in found if one.declared]
                if shown or onward is not None:
                    return types.ListResourcesResult(resources=shown, next_cursor=onward or _OF_TASKS)
            after = cursor.removeprefix(_OF_TASKS) if cursor else ""
            made, onward = await self._work.artifacts(mount, after or None)
        return types.ListResourcesResult(
            resources=[_artifact(record, one) for record, one in made],
            next_cursor=None if onward is None else _OF_TASKS + onward,
        )

    async def read(self, mount: Mount, uri: str) -> types.ReadResourceResult:
        """Return what lies at an address; what may not be seen looks as if it were not there."""
        with as_protocol_errors():
            try:
                found = await self._contents(mount, uri)
            except (EventTypeUnknownError, NotFoundError):
                found = None
        if found is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown resource: {uri}", {"uri": uri})
        return types.ReadResourceResult(contents=found)

    def templates(self) -> types.ListResourceTemplatesResult:
        """Return how addresses are made."""
        return types.ListResourceTemplatesResult(resource_templates=list(_TEMPLATES))

    async def _contents(
        self, mount: Mount, uri: str
    ) -> list[types.TextResourceContents | types.BlobResourceContents] | None:
        if uri.startswith(_SCHEMA_URI):
            schema = await self._work.desk.event_schema(mount, uri.removeprefix(_SCHEMA_URI))
            if schema is None:
                return None
            text = msgspec.json.encode(schema).decode()
            return [types.TextResourceContents(uri=uri, mime_type=_SCHEMA_TYPE, text=text)]
        task_id, separator, artifact_id = uri.removeprefix(_TASK_URI).partition(_ARTIFACTS)
        if not uri.startswith(_TASK_URI) or not separator:
            raise BlobUnknownError
        return [
            types.TextResourceContents(uri=uri, mime_type=one.media_type, text=one.text or "")
            if one.blob is None
            else types.BlobResourceContents(uri=uri, mime_type=one.media_type, blob=one.blob)
            for one in await self._work.content(mount, task_id, unquote(artifact_id))
        ]


def artifact_uri(record: Record, artifact: Artifact) -> str:
    """Return where a client of MCP reads an artifact."""
    return f"{_TASK_URI}{record.id}{_ARTIFACTS}{quote(artifact.id, safe='')}"


def _schema(name: str, description: str) -> types.Resource:
    return types.Resource(
        uri=_SCHEMA_URI + name, name=name, mime_type=_SCHEMA_TYPE, title=f"Schema of {name}",
        description=description or None,
    )  # fmt: skip


def _artifact(record: Record, artifact: Artifact) -> types.Resource:
    return types.Resource(
        uri=artifact_uri(record, artifact), name=artifact.name or artifact.id, description=artifact.description or None,
        title=f"{artifact.name or artifact.id} of {record.seed.skill} {record.id}",
        mime_type=artifact.parts[0].media_type or None if len(artifact.parts) == 1 else None,
    )  # fmt: skip

"""Agent cards of A2A 1.0 (§4.4), written from the catalogue."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.protocol.frames import Skill
from trunkline_hub.gateways.a2a.model.choice import DEFAULT_MODES
from trunkline_hub.gateways.a2a.model.place import Features, Place, Served

VERSION, BEFORE = "1.0", "0.3"
SCHEMAS = "https://trunkline.dev/a2a/skill-schemas/v1"
"""Extension: in an extended card, the JSON Schemas of the skills."""
_BEARER = {"token": {"httpAuthSecurityScheme": {"scheme": "Bearer", "description": "A token of the hub."}}}


def card_of(place: Place, served: Served, features: Features, *, extended: bool = False) -> dict[str, Any]:
    """Return an agent's card as JSON; unsigned."""
    return {
        "name": served.name,
        "description": served.description or f"{served.name}, an agent at Trunkline.",
        "version": served.version or "0.0.0",
        "supportedInterfaces": _interfaces(place, features),
        "capabilities": _capabilities(features, served if extended else None),
        "securitySchemes": _BEARER,
        "securityRequirements": [{"schemes": {"token": {}}}],
        "defaultInputModes": list(DEFAULT_MODES),
        "defaultOutputModes": list(DEFAULT_MODES),
        "skills": [_skill(skill) for skill in served.skills],
    }


def _interfaces(place: Place, features: Features) -> list[dict[str, str]]:
    found = [
        {"url": place.url, "protocolBinding": binding, "protocolVersion": VERSION}
        for binding in ("JSONRPC", "HTTP+JSON")
    ]
    tenant = f"{place.workspace}/{place.agent}" if place.agent else place.workspace
    if features.grpc:
        grpc = {"url": features.grpc, "protocolBinding": "GRPC", "tenant": tenant}
        found.append({**grpc, "protocolVersion": VERSION})
    return [*found, {"url": place.url, "protocolBinding": "JSONRPC", "protocolVersion": BEFORE}]


def _capabilities(features: Features, shown: Served | None) -> dict[str, Any]:
    extensions: list[dict[str, Any]] = [
        {key: value for key, value in msgspec.structs.asdict(one).items() if value} for one in features.extensions
    ]
    if shown is not None:
        extensions.append({"uri": SCHEMAS, "description": "Schemas of the skills.", "params": _schemas(shown.skills)})
    return {
        "streaming": features.streaming,
        "pushNotifications": features.push,
        "extendedAgentCard": features.extended_card,
        "extensions": extensions,
    }


def _schemas(skills: Sequence[Skill]) -> dict[str, Any]:
    return {skill.name: {"input": skill.input_schema or {}, "output": skill.output_schema or {}} for skill in skills}


def _skill(skill: Skill) -> dict[str, Any]:
    name = skill.title or skill.name
    modes = {"inputModes": skill.input_modes, "outputModes": skill.output_modes}
    return {
        "id": skill.name,
        "name": name,
        "description": skill.description or name,
        "tags": skill.tags or [skill.name],
        "examples": [one if isinstance(one, str) else json.dumps(one) for one in skill.examples],
        **{key: value for key, value in modes.items() if value},
    }

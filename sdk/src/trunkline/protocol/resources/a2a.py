"""A2A agents elsewhere, taken into the catalogue."""

from typing import Any

import msgspec

from trunkline.protocol.frames import Skill
from trunkline.protocol.resources.change import Change


class A2ALook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where an A2A agent is: its address, or that of its card."""

    url: str
    headers: dict[str, str] = {}
    """Sent with each request to the address's own origin, and never shown again."""


class A2AAgentDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An A2A agent to take in."""

    name: str
    """What it is called here."""
    url: str
    headers: dict[str, str] = {}


class A2APreview(msgspec.Struct, kw_only=True):
    """What an agent would bring."""

    url: str
    name: str
    version: str
    description: str
    skills: list[Skill]
    signed_by: str | None
    """Key that the card is signed with, if it is one that is trusted."""
    card: dict[str, Any]


class A2AAgent(msgspec.Struct, kw_only=True):
    """An imported A2A agent, and how its card compares with what was approved."""

    name: str
    url: str
    version: str
    skills: list[str]
    state: str
    """`ok`, `changed` (waits for approval) or `unreachable`."""
    problem: str
    signed_by: str | None
    header_names: list[str]
    changes: list[Change]
    created_by: str
    created_at: str
    refreshed_at: str


class A2AAgentPage(msgspec.Struct, kw_only=True):
    items: list[A2AAgent]
    next: str | None = None

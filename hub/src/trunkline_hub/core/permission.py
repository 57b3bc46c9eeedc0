"""Permissions are `noun:verb`; scopes are permissions, `noun:*`, or `*`."""

from collections.abc import Collection

IMPLIED = {"events:submit": "events:publish", "queues:submit": "queues:enqueue"}
"""Permission to the scope that gives it too: who may send directly may also have it checked first."""


def allows(scopes: Collection[str], permission: str) -> bool:
    """Whether any of `scopes` covers `permission`."""
    noun = permission.split(":", 1)[0]
    if permission in scopes or f"{noun}:*" in scopes or "*" in scopes:
        return True
    return permission in IMPLIED and IMPLIED[permission] in scopes


def covers(scopes: Collection[str], wanted: str) -> bool:
    """Whether `scopes` include everything the scope `wanted` would give."""
    if wanted == "*":
        return "*" in scopes
    return allows(scopes, wanted)

"""Permissions are `noun:verb`; scopes are permissions, `noun:*`, or `*`."""

from collections.abc import Collection


def allows(scopes: Collection[str], permission: str) -> bool:
    """Whether any of `scopes` covers `permission`."""
    noun = permission.split(":", 1)[0]
    return permission in scopes or f"{noun}:*" in scopes or "*" in scopes


def covers(scopes: Collection[str], wanted: str) -> bool:
    """Whether `scopes` include everything the scope `wanted` would give."""
    if wanted == "*":
        return "*" in scopes
    return allows(scopes, wanted)

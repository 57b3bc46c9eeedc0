"""The door to HTTP: guard, transaction per request, problem details, OpenAPI, health.

Features bring route handlers; this package knows none of them.
"""

from trunkline_hub.web.guard import ANYONE, PUBLIC, requires

__all__ = ["ANYONE", "PUBLIC", "requires"]

"""What a caller may say of one call besides its skill and its input."""

from typing import TypedDict

from trunkline.calls import OnProgress


class CallOptions(TypedDict, total=False):
    """What one call can ask for; all of it may be left out."""

    instance: str | None
    """Only this instance of the agent."""
    version: str | None
    """Only instances of a version in this range: `1.2.0`, `^1.2`, `>=1,<2`."""
    key: str | None
    """Calls with one key go to one instance, as long as it is there: for what it keeps in memory."""
    on_progress: OnProgress | None
    """Called with each `Progress` the callee reports."""
    content_type: str | None
    """Format of the input, such as `application/msgpack`; the output comes in it too if it can."""

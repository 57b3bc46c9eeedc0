"""Query parameters that lists have in common."""

from typing import Annotated

from litestar.params import Parameter

from trunkline_hub.core.page import MAX_LIMIT

Cursor = Annotated[str | None, Parameter(description="`next` of the page before.", max_length=1024)]
Limit = Annotated[int, Parameter(description="Most items to return.", ge=1, le=MAX_LIMIT)]

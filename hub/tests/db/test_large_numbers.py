"""Numbers that no database holds are the sender's fault, on either engine."""

import pytest
from sqlalchemy import select
from trunkline.protocol.errors import RequestMalformedError
from trunkline_hub.queues import store


async def test_a_number_that_no_column_holds_is_a_wrong_request(hub):
    db = hub.app.state.readers.db
    with pytest.raises(RequestMalformedError, match="larger than any"):
        async with db.read() as tx:
            await tx.execute(select(store.queues).where(store.queues.c.page == 2**70))

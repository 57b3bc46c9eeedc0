"""The history of declared things."""

import pytest
from trunkline.protocol.errors import CursorInvalidError, RevisionUnknownError
from trunkline_hub.core.principal import Principal
from trunkline_hub.revisions import Revisions

WHO = Principal(name="tester", key_id="k", workspace="default", scopes=frozenset({"*"}), via="token", expires_at=None)


async def test_each_change_is_a_revision_that_can_be_gone_back_to(hub, name):
    revisions, thing = Revisions(), ("test", name)
    db = hub.component("jobs")._db
    async with db.write() as tx:
        assert await revisions.record(tx, WHO, "default", thing, {"a": 1}) == 1
        assert await revisions.record(tx, WHO, "default", thing, {"a": 2}, note="why") == 2
        assert await revisions.record(tx, WHO, "default", thing, None, action="removed") == 3
        assert await revisions.record(tx, WHO, "other", thing, {"b": 1}) == 1
    async with db.read() as tx:
        page = await revisions.page(tx, "default", thing, cursor=None, limit=2)
        assert [(r.number, r.action, r.body, r.note) for r in page.items] == [
            (3, "removed", None, ""),
            (2, "declared", {"a": 2}, "why"),
        ]
        rest = await revisions.page(tx, "default", thing, cursor=page.next, limit=2)
        assert [r.number for r in rest.items] == [1]
        assert rest.next is None
        assert await revisions.body(tx, "default", thing, 1) == {"a": 1}
        for number in (3, 4, 0):
            with pytest.raises(RevisionUnknownError):
                await revisions.body(tx, "default", thing, number)
        with pytest.raises(CursorInvalidError):
            await revisions.page(tx, "default", thing, cursor="nonsense!", limit=2)

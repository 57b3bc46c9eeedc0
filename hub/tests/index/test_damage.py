"""A file of the index that is damaged, lost or of another version: it is made anew, and nobody misses anything."""

import sqlite3
from pathlib import Path

import pytest

from support.index import agrees, publish


def index_file(tmp_path) -> Path:
    return tmp_path / "hub-index.db"


@pytest.mark.parametrize("harm", ["truncated", "overwritten", "deleted", "other version", "empty", "torn inside"])
async def test_a_file_that_cannot_be_used_is_made_anew_at_the_start(own_hub, tmp_path, name, harm):
    hub = await own_hub()
    await publish(hub, name, 400)
    assert await agrees(hub) >= 400
    await hub.stop()
    damage(index_file(tmp_path), harm)
    hub = await own_hub()
    assert await agrees(hub) >= 400
    async with hub.client() as client:
        assert len((await client.events.query(correlation_id=name, limit=500)).items) == 400


def damage(file: Path, harm: str) -> None:
    for suffix in ("-wal", "-shm"):
        assert not file.with_name(file.name + suffix).exists(), "the hub left its file open"
    if harm == "truncated":
        with file.open("r+b") as handle:
            handle.truncate(file.stat().st_size // 2)
    elif harm == "overwritten":
        file.write_bytes(b"not a database at all, but long enough to be taken for one " * 200)
    elif harm == "torn inside":
        raw = bytearray(file.read_bytes())
        for page in range(3, len(raw) // 4096):
            raw[page * 4096 : page * 4096 + 64] = b"\xee" * 64
        file.write_bytes(raw)
    elif harm == "empty":
        file.write_bytes(b"")
    elif harm == "deleted":
        file.unlink()
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE about SET version = 99")
        connection.close()


async def test_a_file_deleted_or_torn_while_in_use_is_made_anew_and_queries_stay_complete(own_hub, tmp_path, name):
    hub = await own_hub()
    await publish(hub, name, 300)
    await agrees(hub)
    for suffix in ("", "-wal", "-shm"):
        index_file(tmp_path).with_name(index_file(tmp_path).name + suffix).unlink(missing_ok=True)
    async with hub.client() as client:
        assert len((await client.events.query(correlation_id=name, limit=500)).items) == 300
        await publish(hub, name, 10, start=300)
        assert len((await client.events.query(correlation_id=name, limit=500)).items) == 310
    assert await agrees(hub) >= 310

"""`trunkline blobs …`."""

import sys
from pathlib import Path

import click

from trunkline.blobs import Blob
from trunkline.cli.output import Screen
from trunkline.cli.session import with_client
from trunkline.client import Client


@click.group()
def blobs() -> None:
    """Store and fetch payloads too large for a message."""


@blobs.command("put")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--content-type", help="Media type; guessed from the file's name unless given.")
@with_client
async def put_blob(client: Client, screen: Screen, file: Path, content_type: str | None) -> None:
    """Store FILE; prints what a message's `dataref` must say."""
    stored = await client.blobs.put(Blob.from_path(file, content_type=content_type))
    screen.show(stored, f"{stored.url}  {stored.size_bytes:,} bytes of {stored.content_type}")


@blobs.command("get")
@click.argument("blob_id", metavar="ID")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else standard output."
)
@with_client
async def get_blob(client: Client, screen: Screen, blob_id: str, output: Path | None) -> None:
    """Fetch the blob ID, or the path that a `dataref` says."""
    blob = await client.blobs.get(blob_id.rsplit("/", 1)[-1])
    if output is None:
        async for chunk in blob:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    size = await blob.save(output)
    screen.show(
        {"file": str(output), "size_bytes": size, "content_type": blob.content_type}, f"{output}: {size:,} bytes"
    )


@blobs.command("delete")
@click.argument("blob_id", metavar="ID")
@with_client
async def delete_blob(client: Client, screen: Screen, blob_id: str) -> None:
    """Delete the blob ID; messages that refer to it lose their payload."""
    found = blob_id.rsplit("/", 1)[-1]
    await client.blobs.delete(found)
    screen.show({"deleted": found}, f"{found} is deleted")

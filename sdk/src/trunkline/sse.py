"""Server-sent events (HTML, §9.2), read off a stream of bytes."""

from collections.abc import AsyncIterator


async def messages(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Yield (event, data) of every message; comments and what has no data are passed over."""
    name, rest = "message", b""
    data: list[str] = []
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode()
            if not line:
                if data:
                    yield name, "\n".join(data)
                name, data = "message", []
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)

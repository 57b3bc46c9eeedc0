"""The same tool twice: as the library's own server (`PORT`), the other side of `mcp_overhead_ms`."""

import sys

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

from bench.responder import SKILL


class Order(BaseModel):
    """`bench.payload.Order`, as the library wants it."""

    number: int
    customer: str
    lines: list[str]
    total: float
    note: str


server = MCPServer("bench")


@server.tool(name=SKILL)
def echo(order: Order) -> Order:
    """Return the order as it came."""
    return order


if __name__ == "__main__":
    server.run(transport="streamable-http", port=int(sys.argv[1]))

"""A real cluster of three nats-servers on loopback, with streams in three copies; each node can be hurt."""

from pathlib import Path

from trunkline_hub.embedded import cluster


class Cluster(cluster.Cluster):
    """Three brokers where tests know one: `kill` and `start` are all of them, `nodes[n]` is one."""

    replicas = 3

    def __init__(self, root: Path, **options) -> None:
        super().__init__(root, **options)

    @property
    def url(self) -> str:
        return self.urls[0]

    async def kill(self) -> None:
        for node in self.nodes:
            await node.kill()

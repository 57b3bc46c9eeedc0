"""Looking at what replays sent, and hubs in processes of their own, to be killed."""

import asyncio
import json
import os
import signal
import sys

from trunkline.protocol import subjects


async def copies(hub, group):
    """What lies in the log for this group alone: (id of the replay, original place)."""
    js = hub.component("bus").bus.client.jetstream()
    info = await js.add_consumer(
        "EVENTS_default", filter_subject=subjects.redrive_filter("default", group), ack_policy="none"
    )
    puller = await js.pull_subscribe_bind(consumer=info.name, stream="EVENTS_default")
    found = []
    while len(found) < info.num_pending:
        found += await puller.fetch(500, timeout=10)
    await puller.unsubscribe()
    return [(m.headers["Tl-Replay"], int(m.headers["Tl-Replay-Seq"])) for m in found]


class Process:
    """A hub in a process of its own, to be killed."""

    def __init__(self, hub, url, **more):
        settings = hub.settings
        self.environment = os.environ | {
            "TRUNKLINE_HUB_ID": more.pop("hub_id"), "TRUNKLINE_WEB__PORT": "0", "TRUNKLINE_DB__URL": url,
            "TRUNKLINE_BUS__URLS": json.dumps(settings.bus.urls),
            "TRUNKLINE_BUS__PASSWORD": settings.bus.password.get_secret_value(),
            "TRUNKLINE_BUS__AUTH_PASSWORD": settings.bus.auth_password.get_secret_value(),
            "TRUNKLINE_BUS__ISSUER_SEED": settings.bus.issuer_seed.get_secret_value(),
            "TRUNKLINE_SECURITY__BOOTSTRAP_TOKEN": hub.admin_token,
            "TRUNKLINE_BUS__EVENTS_MAX_BYTES": str(settings.bus.events_max_bytes),
            "TRUNKLINE_BUS__TASKS_MAX_BYTES": str(settings.bus.tasks_max_bytes),
            "TRUNKLINE_BUS__DEAD_MAX_BYTES": str(settings.bus.dead_max_bytes),
            "TRUNKLINE_REPLAYS__DIRECTORY": settings.replays.directory, **more,
        }  # fmt: skip

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trunkline_hub", env=self.environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def kill(self):
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

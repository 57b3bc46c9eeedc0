"""One hub process: settings, application, run until signalled."""

import asyncio
import gc
import sys
from socket import socket
from types import FrameType

import structlog
import uvicorn
from litestar import Litestar

from trunkline.protocol.errors import SetupError
from trunkline_hub import app
from trunkline_hub.core.memory import keep_what_is_there
from trunkline_hub.settings import Settings, load
from trunkline_hub.telemetry.logs import configure_logs

_log = structlog.get_logger("hub")
EXIT_SETUP = 78
"""EX_CONFIG of sysexits.h: starting again would not help."""
KEEP_ALIVE_S = 75
"""Longer than clients and proxies keep an idle connection: whoever ends it first must not be the one who is asked next."""


def serve(settings: Settings) -> None:
    """Run a hub until SIGINT or SIGTERM; open requests get `web.shutdown_s` to finish."""
    application = app.build(settings)
    config = uvicorn.Config(
        application,
        host=settings.web.host,
        port=settings.web.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.web.shutdown_s)),
    )
    _Server(config, application).run()


class _Server(uvicorn.Server):
    """Tells the application that it is closing before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, application: Litestar) -> None:
        super().__init__(config)
        self._application = application

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start; what is there then stays, so garbage is looked for in what comes later (see `__main__`)."""
        await super().startup(sockets)
        keep_what_is_there()
        gc.enable()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        closing: asyncio.Event | None = self._application.state.get("closing")
        if closing is not None:
            closing.set()
        super().handle_exit(sig, frame)


def main() -> int:
    """Entry point of `python -m trunkline_hub`."""
    try:
        settings = load()
        configure_logs(settings.telemetry)
        _log.info("hub_starting", hub=settings.hub_id, url=f"http://{settings.web.host}:{settings.web.port}")
        serve(settings)
    except SetupError as error:
        sys.stderr.write(f"{error.title}: {error.detail}\n{error.remedy}\n")
        return EXIT_SETUP
    return 0

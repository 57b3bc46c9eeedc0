"""The hub put together but not started: for looking at its routes, features and settings."""

import nkeys
import pytest

from trunkline_hub import app
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    seed = nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT).decode()
    return Settings(
        bus={"issuer_seed": seed, "urls": ["nats://127.0.0.1:1"]},
        db={"url": f"sqlite:///{tmp_path_factory.mktemp('db') / 'hub.db'}"},
    )


@pytest.fixture(scope="module")
def routes(settings):
    """(method, path, handler) of every route."""
    return [
        (method, route.path, handler)
        for route in app.build(settings).routes
        for handler in route.route_handlers
        for method in sorted(handler.http_methods - {"OPTIONS"})
    ]


@pytest.fixture(scope="module")
def permissions(settings):
    """Every permission that some feature declares."""
    features = app.build_features(settings, app.build_services(settings, SystemClock()), SystemClock())
    return {name for feature in features for name in feature.permissions}

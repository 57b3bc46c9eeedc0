"""Loads a framework when its adapter is used, and says what to install where it is absent."""

from importlib import import_module
from types import ModuleType

from trunkline.protocol.errors import FrameworkMissingError


def need(module: str, extra: str) -> ModuleType:
    """Return a framework's module.

    Raises:
        FrameworkMissingError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise FrameworkMissingError(
            f"{module.partition('.')[0]!r} is not installed: pip install 'trunkline[{extra}]'"
        ) from None

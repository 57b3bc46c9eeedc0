"""Where the hub is and which token opens it: environment first, then the local context.

`trunkline serve` writes the context file (mode 0600) into its state directory;
the SDK and the command line find it there by themselves.
"""

import os
from pathlib import Path

import msgspec

from trunkline.protocol.errors import ContextMissingError


class LocalContext(msgspec.Struct, kw_only=True):
    """A hub's address and a token for it."""

    url: str
    token: str
    workspace: str = "default"


def state_dir() -> Path:
    """Return Trunkline's own directory: TRUNKLINE_HOME, else `$XDG_STATE_HOME/trunkline`."""
    home = os.environ.get("TRUNKLINE_HOME")
    if home:
        return Path(home)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "trunkline"


def context_path() -> Path:
    """Return the file that `trunkline serve` writes and clients read."""
    return state_dir() / "context.json"


def write_context(context: LocalContext, path: Path) -> None:
    """Write `context`, readable by its owner alone, replacing the old one in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(context))
    draft.replace(path)


def find_context(url: str | None = None, token: str | None = None, workspace: str | None = None) -> LocalContext:
    """Return the hub to talk to: arguments, then TRUNKLINE_URL/_TOKEN/_WORKSPACE, then the local context.

    Raises:
        ContextMissingError: none of them names a hub and a token.
    """
    url = url or os.environ.get("TRUNKLINE_URL")
    token = token or os.environ.get("TRUNKLINE_TOKEN")
    workspace = workspace or os.environ.get("TRUNKLINE_WORKSPACE")
    if url and token:
        return LocalContext(url=url.rstrip("/"), token=token, workspace=workspace or "default")
    try:
        found = msgspec.json.decode(context_path().read_bytes(), type=LocalContext)
    except FileNotFoundError:
        raise ContextMissingError(_what_is_missing(url, token)) from None
    except (OSError, msgspec.DecodeError) as error:
        raise ContextMissingError(f"The context file {context_path()} cannot be read: {error}") from None
    return LocalContext(
        url=(url or found.url).rstrip("/"), token=token or found.token, workspace=workspace or found.workspace
    )


def _what_is_missing(url: str | None, token: str | None) -> str:
    if url and not token:
        return f"TRUNKLINE_URL is {url} but no token is set (TRUNKLINE_TOKEN)"
    return f"Neither TRUNKLINE_URL and TRUNKLINE_TOKEN are set nor is there a {context_path()}"

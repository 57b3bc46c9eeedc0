"""This machine is not ready for it."""

from trunkline.protocol.errors.base import TrunklineError


class SetupError(TrunklineError):
    code, status = "setup", 500
    title = "Trunkline cannot start like this"
    remedy = "Run `trunkline doctor`."


class PortTakenError(SetupError):
    code = "setup.port_taken"
    title = "The port is in use by another program"
    remedy = "Stop that program, or choose another port: `trunkline serve --port N`."


class DataInUseError(SetupError):
    code = "setup.data_in_use"
    title = "Another Trunkline runs on this data directory"
    remedy = "Stop it, or give this one its own: `trunkline serve --data DIR`."


class DataNotWritableError(SetupError):
    code = "setup.data_not_writable"
    title = "The data directory cannot be written"
    remedy = "Give the user write access to it, or choose another: `trunkline serve --data DIR`."


class SettingInvalidError(SetupError):
    code = "setup.setting_invalid"
    title = "A setting is wrong"
    remedy = "See the settings reference for its type and range."


class BrokerStartError(SetupError):
    code = "setup.broker_start"
    title = "The embedded broker did not start"
    remedy = "The last lines of its log are in `detail`; the whole log is in the data directory."


class HubStartError(SetupError):
    code = "setup.hub_start"
    title = "The hub did not become ready"
    remedy = "The last lines of its log are in `detail`; the whole log is in the data directory."


class ChaosError(SetupError):
    code = "setup.chaos"
    title = "The storm could not be brought to its end"
    remedy = "Look into the logs in the directory that `detail` names, then remove it."


class ContextMissingError(SetupError):
    code = "setup.context_missing"
    title = "No hub is configured and no local one was found"
    remedy = "Start one with `trunkline serve`, or set TRUNKLINE_URL and TRUNKLINE_TOKEN."


class RepositoryInvalidError(SetupError):
    code = "setup.repository_invalid"
    title = "The commit history cannot be read"
    remedy = "Name a git repository with commits: `trunkline demo --repo PATH` or `make run REPO=PATH`."


class LoopRunningError(SetupError):
    code = "setup.loop_running"
    title = "An event loop runs in this thread, and would stand still while a `SyncClient` waits"
    remedy = "Use `await` with `trunkline.Client` here, or call from another thread: `await asyncio.to_thread(...)`."

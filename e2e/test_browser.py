"""A person signs in with the link, watches the overview move, sends a dead letter again, and empties a queue."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from e2e.system import System, running, wait_until

BROWSER = os.environ.get("TRUNKLINE_BROWSER") or shutil.which("chromium") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


def _require_browser() -> None:
    if BROWSER:
        return
    assert os.environ.get("CI") != "true", "CI needs a browser: set TRUNKLINE_BROWSER or install chromium"
    warnings.warn("NO BROWSER TEST: no chromium was found; set TRUNKLINE_BROWSER", stacklevel=1)
    pytest.skip("no chromium was found; set TRUNKLINE_BROWSER to run the browser test")


@contextmanager
def _page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(WAIT_MS)
            yield page
        finally:
            browser.close()


def test_sign_in_live_overview_redrive_and_recovery(tmp_path: Path) -> None:
    """The link works once; totals move without a reload, even across a killed hub; a redrive reaches the worker."""
    _require_browser()
    with running(tmp_path / "home") as system, _worker(system) as worker, _page() as page:
        link = system.cli("signin")["url"]
        page.goto(link)
        expect(page.get_by_test_id("overview")).to_be_visible()
        assert "#" not in page.url, "the secret must not stay in the address"

        _total_grows(system, page)
        worker.enqueue()
        page.goto(f"{system.url}/dead-letters")
        page.get_by_test_id("dead-row").first.click()
        detail = page.get_by_test_id("dead-detail")
        expect(detail).to_contain_text("out of paper")
        expect(detail.get_by_test_id("attempt")).to_have_count(2)
        worker.mend()
        detail.get_by_test_id("redrive").click()
        expect(page.get_by_test_id("redriven-badge").first).to_be_visible()
        worker.wait_done()

        _the_api_is_tried(system, page)
        page.goto(system.url)
        expect(page.get_by_test_id("overview")).to_be_visible()
        os.kill(system.pid_of("-m trunkline_hub "), signal.SIGKILL)
        expect(page.get_by_test_id("connection-state")).not_to_have_attribute("data-state", "live")
        expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "live")
        _total_grows(system, page)

        used = page.context.browser
        assert used is not None
        stranger = used.new_context().new_page()
        stranger.goto(link)
        expect(stranger.get_by_test_id("signin-page")).to_be_visible()
        stranger.goto(system.url)
        expect(stranger.get_by_test_id("signin-page")).to_be_visible()


def _the_api_is_tried(system: System, page: Page) -> None:
    """The contract's page asks nobody but this hub, and who is signed in can try what it shows."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(system.url)
    page.get_by_role("link", name="API").click()
    page.get_by_text("queues", exact=True).first.click()
    page.get_by_text("/api/v1/w/{workspace}/queues", exact=True).first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("200")
    assert not [url for url in asked if not url.startswith((system.url, "data:", "blob:"))]


@pytest.mark.slow
def test_a_queue_is_paused_purged_and_resumed(tmp_path: Path) -> None:
    """Paused work reaches no worker; a purge takes what was counted, once its name is typed; resumed, work is done."""
    _require_browser()
    with running(tmp_path / "home") as system, _worker(system) as worker, _page() as page:
        worker.mend()
        page.goto(system.cli("signin")["url"])
        expect(page.get_by_test_id("overview")).to_be_visible()
        page.goto(f"{system.url}/queues")
        page.get_by_test_id("queue-row").first.click()
        panel, state = page.get_by_test_id("queue-detail"), page.get_by_test_id("queue-state")
        panel.get_by_label("Reason").fill("out of toner")
        panel.get_by_role("button", name="Pause").click()
        expect(state).to_have_text("paused")
        expect(panel.get_by_test_id("state-in-words")).to_contain_text("out of toner")

        for number in range(2):
            system.cli("queues", "put", "print-jobs", f'{{"page": {number}}}')
        expect(panel.get_by_test_id("queued-message")).to_have_count(2)
        panel.get_by_role("button", name="Purge…").click()
        question = page.get_by_role("dialog")
        expect(question.get_by_test_id("purge-count")).to_contain_text("2 messages")
        expect(question.get_by_role("button", name="Purge 2 messages")).to_be_disabled()
        question.get_by_label("Type print-jobs to confirm").fill("print-jobs")
        question.get_by_role("button", name="Purge 2 messages").click()
        expect(panel.get_by_test_id("strip-state")).to_have_text("completed")
        expect(panel.get_by_test_id("no-messages")).to_be_visible()

        panel.get_by_role("button", name="Resume").click()
        expect(state).to_have_text("running")
        assert not worker.is_done(), "what was purged was never handed out"
        system.cli("queues", "put", "print-jobs", '{"page": 3}')
        worker.wait_done()


@pytest.mark.slow
def test_bulk_redrive_with_progress_and_a_replay_into_a_new_group(tmp_path: Path) -> None:
    """Many dead letters go again in a job that shows how far it is; the past is played to a group of its own."""
    _require_browser()
    with running(tmp_path / "home") as system, _worker(system) as worker, _page() as page:
        page.goto(system.cli("signin")["url"])
        expect(page.get_by_test_id("overview")).to_be_visible()
        for number in range(_MANY):
            system.cli("queues", "put", "print-jobs", json.dumps({"page": number}))
        wait_until(lambda: system.overview()["dead_waiting"] == _MANY, 20, "the jobs to be dead-lettered")
        worker.mend()
        _redrive_in_bulk(page, f"{system.url}/dead-letters")
        wait_until(lambda: worker.count_done() == _MANY, 20, "the redriven jobs to be done")

        for number in range(3):
            system.cli("publish", "browser.replayed", str(number))
        _replay_into_new_group(page, f"{system.url}/events?type=browser.replayed")


def test_a_skill_is_tried_its_question_answered_and_the_map_drawn(tmp_path: Path) -> None:
    """From a form of its schema a task is started, followed and answered; who asked whom is then on the map."""
    _require_browser()
    with running(tmp_path / "home") as system, _worker(system, _BAKER) as worker, _page() as page:
        page.goto(system.cli("signin")["url"])
        expect(page.get_by_test_id("overview")).to_be_visible()
        page.goto(f"{system.url}/agents")
        page.get_by_test_id("agent-row").first.click()
        page.get_by_role("button", name="Try bake").click()
        form = page.get_by_role("form", name="Try bake")
        form.get_by_label("count").fill("0")
        form.get_by_role("button", name="Start as a task").click()
        expect(form.get_by_text("less than the minimum")).to_be_visible()
        form.get_by_label("count").fill("3")
        form.get_by_role("button", name="Start as a task").click()
        page.get_by_test_id("started-task").get_by_role("link").first.click()
        expect(page.get_by_test_id("task-state")).to_have_text("asks")
        page.get_by_label("Your answer").fill("honey")
        page.get_by_role("button", name="Answer").click()
        expect(page.get_by_test_id("task-state")).to_have_text("completed")
        expect(page.get_by_test_id("artifact").first).to_contain_text("3 with honey")
        expect(page.get_by_test_id("step").last).to_contain_text("completed it")

        page.goto(f"{system.url}/map")
        expect(page.get_by_test_id("traffic-row")).to_contain_text("admin gives tasks to baker")
        page.get_by_test_id("map-node").get_by_role("link", name="agent baker").click()
        expect(page.get_by_test_id("agent-detail")).to_be_visible()
        assert worker.process.poll() is None


_MANY = 12


def _redrive_in_bulk(page: Page, address: str) -> None:
    """Redrive all at a slow pace, pause and resume the job, and see it end."""
    page.goto(address)
    page.get_by_role("button", name="Redrive all…").click()
    page.get_by_role("textbox", name="At most").fill("2")
    page.get_by_role("button", name=f"Redrive {_MANY} letters").click()
    strip, state = page.get_by_test_id("job-strip"), page.get_by_test_id("strip-state")
    strip.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused", timeout=WAIT_MS)
    strip.get_by_label("Items a second").fill("0")
    strip.get_by_role("button", name="Set pace").click()
    strip.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("completed", timeout=WAIT_MS)
    expect(strip.get_by_role("progressbar")).to_have_attribute("aria-valuenow", str(_MANY))
    expect(page.get_by_text("Nothing is waiting here")).to_be_visible(timeout=WAIT_MS)


def _replay_into_new_group(page: Page, explorer: str) -> None:
    """Carry the explorer's filter over into a replay, and see the new group filled."""
    page.goto(explorer)
    page.get_by_role("button", name="Replay these").click()
    page.get_by_text("A new group", exact=True).click()
    page.get_by_role("textbox", name="Name of the new group").fill("browsing")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_test_id("replay-state")).to_have_text("completed", timeout=WAIT_MS)
    expect(page.get_by_test_id("replay-detail").get_by_test_id("job-figures")).to_have_text("3 of 3")


def _total_grows(system: System, page: Page) -> None:
    """Publish events and watch the page's total follow, without a reload."""
    shown = page.get_by_test_id("events-total")
    before = int(shown.get_attribute("data-value") or "0")
    for number in range(3):
        system.cli("publish", "browser.tested", str(number))
    page.wait_for_function(
        "least => Number(document.querySelector('[data-testid=events-total]')?.dataset.value) >= least", arg=before + 3
    )


class _Worker:
    """An agent in a process of its own; its queue work fails until there is paper."""

    def __init__(self, system: System, folder: Path, source: str) -> None:
        self._system = system
        self._paper = folder / "paper"
        self._done = folder / "done"
        script = folder / "printer.py"
        script.write_text(source.format(paper=str(self._paper), done=str(self._done)))
        self.process = subprocess.Popen([sys.executable, str(script)], env=system.environment)

    def is_healthy(self) -> bool:
        agents = self._system.cli("agents", "list")["items"]
        return bool(agents and agents[0]["state"] == "healthy")

    def enqueue(self) -> None:
        """Enqueue one job and wait until it is dead."""
        self._system.cli("queues", "put", "print-jobs", '{"page": 1}')
        wait_until(lambda: bool(self._system.cli("dead", "list")["items"]), 20, "the job to be dead-lettered")

    def mend(self) -> None:
        self._paper.touch()

    def is_done(self) -> bool:
        return self._done.exists()

    def count_done(self) -> int:
        return len(self._done.read_text()) if self._done.exists() else 0

    def wait_done(self) -> None:
        wait_until(self.is_done, 20, "the job to be done")


_PRINTER = """
from pathlib import Path

import trunkline as tl

agent = tl.Agent("printer", version="1.2.3")

@agent.task("print-jobs", retry=tl.Retry(max_attempts=2, base_s=0.05))
async def print_page(job: dict) -> None:
    if not Path({paper!r}).exists():
        raise RuntimeError("out of paper")
    with Path({done!r}).open("a") as done:
        done.write("x")

agent.run()
"""


_BAKER = """
from typing import Annotated

import msgspec
import trunkline as tl

agent = tl.Agent("baker")

class Order(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=1)] = 1

@agent.skill("bake", task=True)
async def bake(order: Order, ctx: tl.Context) -> str:
    glaze = await ctx.task.ask("Which glaze?")
    return str(order.count) + " with " + glaze

agent.run()
"""


@contextmanager
def _worker(system: System, source: str = _PRINTER) -> Iterator[_Worker]:
    worker = _Worker(system, system.home, source)
    try:
        wait_until(worker.is_healthy, 20, "the agent to be healthy")
        yield worker
    finally:
        worker.process.terminate()
        worker.process.wait(10)

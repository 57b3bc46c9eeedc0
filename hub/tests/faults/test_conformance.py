"""One suite for one broker and for three: the tests of the bus, queues, events and dead letters, on a cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent.parent


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("folder", ["bus", "queues", "events", "dead_letters"])
def test_three_nodes_behave_as_one(folder):
    environment = {**os.environ, "TRUNKLINE_TEST_BUS": "cluster"}
    words = ["-q", "--no-header", "-p", "no:cacheprovider", "-k", "not postgres", "--timeout", "240"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(TESTS / folder)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert " passed" in done.stdout

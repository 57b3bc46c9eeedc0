"""Several processes of one agent, forked from one that has loaded everything; who dies is replaced at once."""

import ctypes
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

from trunkline.protocol.errors import HandlerInvalidError

_log = logging.getLogger("trunkline.agent")

_EARLY_S = 0.5
_BACKOFF_MIN_S = 0.05
_BACKOFF_MAX_S = 2.0
_FAILED = 1
"""Exit code of a process whose work raised: starting it again and again would not help."""
_GIVE_UP_AFTER = 5
_PR_SET_PDEATHSIG = 1


class Fleet:
    """`size` processes that do `work`, until SIGINT or SIGTERM."""

    def __init__(self, size: int, work: Callable[[], None]) -> None:
        if not hasattr(os, "fork"):
            raise HandlerInvalidError("processes > 1 needs a system with fork; start the program several times instead")
        self._size = size
        self._work = work
        self._began: dict[int, float] = {}
        self._stopping = False
        self._failures = 0

    def run(self) -> None:
        """Keep the processes alive; return when all have ended after a signal."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for _ in range(self._size):
            self._fork()
        while self._began:
            pid, status = os.waitpid(-1, 0)
            began = self._began.pop(pid, None)
            if began is not None and not self._stopping:
                self._replace(pid, os.waitstatus_to_exitcode(status), time.monotonic() - began)
        if self._failures >= _GIVE_UP_AFTER:
            raise SystemExit(_FAILED)

    def _replace(self, pid: int, code: int, lived_s: float) -> None:
        early = lived_s < _EARLY_S
        self._failures = self._failures + 1 if code == _FAILED and early else 0
        _log.warning("process %d ended with %d; starting another", pid, code)
        if self._failures >= _GIVE_UP_AFTER:
            self._stop(signal.SIGTERM, None)
            return
        if early:
            time.sleep(min(_BACKOFF_MIN_S * 2**self._failures, _BACKOFF_MAX_S))
        self._fork()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._began:
            os.kill(pid, signal.SIGTERM)

    def _fork(self) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._began[pid] = time.monotonic()
            if self._stopping:  # the signal came in between
                os.kill(pid, signal.SIGTERM)
            return
        code = _FAILED
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() == parent:
                self._work()
                code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else _FAILED
        except BaseException:  # noqa: BLE001 -- the edge of a process: what it raised is told, then it ends
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

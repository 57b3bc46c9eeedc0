"""What failed in a run of many tests at once, run once more and alone: `python -m tools.again EXIT_CODE`.

A few tests start clusters and kill processes; on a busy machine one may miss its limit. Such a test passes here, and is
named: it is a fault to be mended, but not the change's. More than a few failures, or one that fails twice, stay red.
"""

import json
import subprocess
import sys
from pathlib import Path

TESTS_FAILED = 1
MOST = 3
_REMEMBERED = Path(".pytest_cache/v/cache/lastfailed")


def main(code: int) -> int:
    failed = sorted(json.loads(_REMEMBERED.read_text())) if _REMEMBERED.is_file() else []
    if code != TESTS_FAILED or not 1 <= len(failed) <= MOST:
        return code
    sys.stderr.write(f"\nOnce more, alone: {', '.join(failed)}\n")
    again = subprocess.run([sys.executable, "-m", "pytest", "-q", *failed], check=False).returncode  # noqa: S603 -- own
    if again == 0:
        sys.stderr.write(f"Failed among others and passed alone, so to be mended: {', '.join(failed)}\n")
    return again


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

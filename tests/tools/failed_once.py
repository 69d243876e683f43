"""Runs the few tests that failed beside others once more, alone, and names them.

Two cores that run three workers, several meshes of real proxies and their load can starve a test
of a second that it needs. Such a test passes alone. One that fails alone too, or more than `FEW`
of them, is a failure; so is a test that could not be collected.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

FEW = 5
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
GROUP = re.compile(r"@lab-\d+$")
"""What pytest-xdist writes behind the name of a test of a group."""


def main() -> int:
    names = json.loads(LAST_FAILED.read_text()) if LAST_FAILED.exists() else ()
    failed = sorted(GROUP.sub("", name) for name in names)
    if not failed or len(failed) > FEW or any("::" not in test for test in failed):
        return 1
    print(f"\n{len(failed)} failed beside others; once more, alone:", *failed, sep="\n  ")
    ran = subprocess.run([sys.executable, "-m", "pytest", "-n0", "-q", *failed], check=False)
    if ran.returncode == 0:
        print("passed alone, so they are not failures, but want a look:", *failed, sep="\n  ")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())

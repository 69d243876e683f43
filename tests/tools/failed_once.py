"""Runs the few tests that failed beside others again, each alone, and names them.

Two cores that run several workers, several meshes of real proxies and their load can starve a
test of a second that it needs. Such a test passes in a process of its own, without the others. One
that fails there `TRIES` times, or more than `FEW` of them, is a failure; so is a test that could
not be collected.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

FEW = 8
TRIES = 2
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
GROUP = re.compile(r"@lab-\d+$")
"""What pytest-xdist writes behind the name of a test of a group."""


def main() -> int:
    names = json.loads(LAST_FAILED.read_text()) if LAST_FAILED.exists() else ()
    failed = sorted(GROUP.sub("", name) for name in names)
    if not failed or len(failed) > FEW or any("::" not in test for test in failed):
        return 1
    print(f"\n{len(failed)} failed beside others; again, each alone:", *failed, sep="\n  ")
    still = [test for test in failed if not passes(test)]
    passed = sorted(set(failed) - set(still))
    if passed:
        print("passed alone, so they are no failures, but want a look:", *passed, sep="\n  ")
    if still:
        print(f"failed {TRIES} times alone:", *still, sep="\n  ")
    return 1 if still else 0


def passes(test: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", test]
    return any(subprocess.run(command, check=False).returncode == 0 for _ in range(TRIES))


if __name__ == "__main__":
    sys.exit(main())

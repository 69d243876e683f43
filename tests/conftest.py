"""What every test gets: folders of its own, and Hypothesis as CI or the nightly run want it.

Profiles, by `HYPOTHESIS_PROFILE`: `ci` tries 50 examples that are the same each time, so that a red
build is about the change; `dev` tries 50 others each time; `nightly` tries 1,000.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent
LABS = 3
"""So many labs run at once, each for the tests of one worker: they wait for most of their time."""

SLOW = {
    "test_canary": 140,
    "test_prometheus": 80,
    "test_verbs": 60,
    "test_live_on_lab": 50,
    "test_trace_envoy": 45,
    "test_prometheus_history": 35,
    "test_rollback": 35,
    "test_request": 35,
    "test_operations_killed_between": 30,
}
"""The seconds of those of the lab's modules that take longest."""

_common = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **_common)
settings.register_profile("dev", max_examples=50, **_common)
settings.register_profile("nightly", max_examples=1000, **_common)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)

MEMORY = Path("/dev/shm")
ROOM = 2**30
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    # Thousands of journals are written to the disk's end here, which a disk takes a third of
    # the time for.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests' own folders are."""
    return tmp_path_factory.mktemp("homes")


_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def own_folders(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State, config and cache of this test alone: nothing of the person who runs it is read or
    written, and no test finds what another one left."""
    home = homes / str(next(_numbers))
    for name in ("state", "config", "cache", "data"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(home / name))
    return home


GARBAGE = (50_000, 20, 50)
"""So many objects more than before begin a collection of the youngest, then of the older ones."""


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None]:
    """What is collected stays until the end: the garbage collector need not look at it, neither
    meanwhile nor in each of the tests, which took a fifth of their time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: the tests of a lab wait for real traffic most of the time."""
    return min((os.cpu_count() or 1) + 2, 9)


@cache
def _lab_of(module: str) -> int:
    """Which lab a module's tests run in, so that all labs are done at about the same time."""
    modules = [path.stem for path in (ROOT / "lab").glob("test_*.py")]
    work = dict.fromkeys(range(LABS), 0)
    labs = {}
    for name in sorted(modules, key=lambda name: (-SLOW.get(name, 12), name)):
        labs[name] = min(work, key=lambda lab: work[lab])
        work[labs[name]] += SLOW.get(name, 12)
    return labs[module]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of a lab go to the workers that have one; a file's tests stay together."""
    file = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
    if file.startswith("lab/"):
        item.add_marker(pytest.mark.xdist_group(f"lab-{_lab_of(item.path.stem)}"))

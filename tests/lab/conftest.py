"""One lab for all tests of this room: healthy, and silent until a test sends something."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from meshtui.lab.process import RunningLab, spawn
from tests.lab.harness import Mesh


@pytest.fixture(scope="session")
def runtime_dir() -> Iterator[str]:
    """Where these labs live, apart from every other lab on the machine."""
    path = tempfile.mkdtemp(prefix="ml-")
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = path
    yield path
    os.environ.pop("XDG_RUNTIME_DIR")
    if before is not None:
        os.environ["XDG_RUNTIME_DIR"] = before
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def lab(runtime_dir: str) -> Iterator[RunningLab]:
    with spawn(scenario="healthy", rps=0) as running:
        # A mesh that never had a request has no metrics at all: not to be what is tested first.
        running.send(1, via="productpage", host="reviews:9080")
        yield running


@pytest.fixture
def mesh(lab: RunningLab) -> Iterator[Mesh]:
    """The lab's mesh; what a test changes is put back."""
    lab.reset()
    found = Mesh(lab)
    yield found
    found.restore()

"""What CI counts of each commit, and when that is too much."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.bench.count_commands import Counts, counts_of_commands
from tests.bench.count_steps import checked_out, counted, grown, table


def test_half_as_much_again_is_too_much_and_a_new_step_is_not() -> None:
    before = {"read": 100, "tick": 100, "event": 100}
    assert grown(before, {"read": 151, "tick": 150, "event": 1, "paint": 9}) == ["read"]
    assert grown({}, {"read": 1}) == []


def test_every_step_is_shown_with_its_ratio() -> None:
    lines = list(table({"read": 100}, {"read": 120, "paint": 9}))
    assert "x 1.20" in lines[0] and "not there before" in lines[1]


def test_the_same_work_counts_the_same_and_more_of_it_more() -> None:
    def work(times: int) -> list[str]:
        return [str(number).upper() for number in range(times)]

    first, again, twice = (counted(lambda n=n: work(n)) for n in (1000, 1000, 2000))
    assert first == again and 1.9 < twice / first < 2.1


def test_a_revision_that_is_not_there_is_none() -> None:
    with checked_out("no-such-revision") as tree:
        assert tree is None


def test_of_a_command_its_calls_requests_and_bytes_are_counted() -> None:
    counts = Counts()
    sys.setprofile(counts.call)
    sorted([3, 1])
    sys.setprofile(None)
    assert counts.calls >= 1
    assert counts.asked(lambda one: one)(7) == 7
    counts.came(lambda wire, data: None)(None, b"1234")
    assert (counts.requests, counts.bytes) == (1, 4)


def test_what_a_build_does_not_know_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "meshtui" / "cli").mkdir(parents=True)
    (tmp_path / "meshtui" / "__init__.py").touch()
    (tmp_path / "meshtui" / "cli" / "__init__.py").touch()
    words = "import json; json.dumps([]); main = lambda words: 0 if 'analyze' in words else 2"
    (tmp_path / "meshtui" / "cli" / "main.py").write_text(words)
    found = counts_of_commands(tmp_path, tmp_path / "kubeconfig")
    assert list(found) == ["analyze -A: calls"], json.dumps(found)
    assert "services -A" in capsys.readouterr().err

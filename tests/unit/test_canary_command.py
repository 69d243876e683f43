"""The command around the runs: its exit status, and the ways in which others start it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from meshtui.canary.machine import State, begin
from meshtui.canary.plan import plan_of
from meshtui.cli.canary import _exit, _status_lines
from meshtui.cli.parser import build_parser
from meshtui.errors import Exit

DEPLOY = Path(__file__).parents[2] / "deploy"


def ended(status: Exit | None) -> State:
    state, _ = begin(plan_of({"service": "reviews", "to": "v2"}))
    return replace(state, exit=status)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([Exit.DONE], 0),
        ([Exit.ROLLED_BACK], 6),
        ([Exit.UNREACHABLE], 5),
        ([Exit.FAILED], 1),
        ([None], 1),
        ([Exit.DONE, None], 1),
        ([Exit.DONE, Exit.FAILED, Exit.UNREACHABLE], 5),
        ([Exit.UNREACHABLE, Exit.ROLLED_BACK, Exit.DONE], 6),
    ],
)
def test_of_several_runs_the_worst_is_the_exit_status(
    states: list[Exit | None], status: int
) -> None:
    """One that is on hold has no end of its own: it was stopped by a person."""
    assert _exit([ended(state) for state in states]) == status


def test_the_unit_and_the_job_are_commands_that_there_are() -> None:
    unit = (DEPLOY / "meshtui-canary@.service").read_text()
    job = yaml.safe_load((DEPLOY / "canary-ci.yaml").read_text())["jobs"]["canary"]["steps"][-1]
    for text in (unit, str(job["run"])):
        (command,) = re.findall(r"meshtui (canary run (?:.*\\\n)*.*)", text)
        arguments = build_parser().parse_args(command.replace("\\\n", " ").split())
        assert (arguments.command, arguments.yes) == ("canary run", True)
    assert "SuccessExitStatus=6" in unit and "KillSignal=SIGTERM" in unit


def test_status_says_what_stands_against_a_canary_on_hold() -> None:
    found = {
        "name": "reviews.default", "version": "v3", "phase": "on hold", "driven_by": "ann@desk/1",
        "step": {"words": "5 %", "index": 0}, "sentence": "on hold by a person",
        "trouble": "on hold, but it fails: gross failure",
    }  # fmt: skip
    assert _status_lines(found)[-2:] == [
        "  on hold by a person",
        "  on hold, but it fails: gross failure",
    ]

"""Killed at each step of applying: the next start knows what happened, and undo works."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from meshtui.errors import MeshtuiError
from meshtui.lab.process import RunningLab
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.lab.harness import ISTIO, Mesh, Obj, to
from tests.lab.operator import GLANCE, Operator

VS = f"{ISTIO}/virtualservices/reviews"
ALL: Obj = {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}
SHIFTED: Obj = {**ALL, "route": [to("v1", 50), to("v3", 50)]}

STEPS = ("begin", "begun", "send", "sent", "verify", "verified", "settle-last", "end")
UNWRITTEN = STEPS[:3]
SETTLED = STEPS[4:]
"""What was noted as written before the kill: there is nothing to find out."""

KILLED = """
import os, signal, sys
from meshtui.cli import main
from meshtui.journal import Journal, Status
from meshtui.operations.change import apply as applying

def die(step):
    if step == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

begin, settle, send, verify = Journal.begin, Journal.settle, applying.send, applying.verify

def killed_begin(*words):
    die("begin")
    change_id = begin(*words)
    die("begun")
    return change_id

def killed_settle(journal, change_id, status, *more, **named):
    if status is Status.VERIFIED:
        die("settle-last")
    settle(journal, change_id, status, *more, **named)
    if status is Status.VERIFIED:
        die("end")

async def killed_send(*words, **more):
    die("send")
    raw = await send(*words, **more)
    die("sent")
    return raw

async def killed_verify(*words, **more):
    die("verify")
    found = await verify(*words, **more)
    die("verified")
    return found

Journal.begin, Journal.settle = killed_begin, killed_settle
applying.send, applying.verify = killed_send, killed_verify
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    found = Operator(lab.kubeconfig, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", found.env["XDG_STATE_HOME"])
    return found


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    mesh.write_rules(ALL)
    mesh.until_routed("all")
    return mesh


def http(mesh: Mesh) -> list[Obj]:
    found: list[Obj] = mesh.api.call("GET", VS)["spec"]["http"]
    return found


def die(operator: Operator, step: str, *words: str) -> None:
    died = operator.run(step, *words, *GLANCE, "--yes", "--force", code=KILLED)
    assert died.status == -signal.SIGKILL, died.err


async def undo(session: Session) -> None:
    mesh = await session.read_mesh()
    plan = await session.plan_undo(mesh, "", None)
    await session.apply(plan, mesh, None, lambda _: None)


@pytest.mark.parametrize("step", STEPS)
async def test_the_next_start_knows_and_undo_works(
    rules: Mesh, operator: Operator, step: str
) -> None:
    die(operator, step, "shift", "reviews", "v3=50")
    assert http(rules) == [ALL if step in UNWRITTEN else SHIFTED]
    session = await Session.open(Options(kubeconfig=str(operator.kubeconfig), verify=False))
    try:
        told = await session.recover()
        assert len(told) == (step not in SETTLED and step != "begin")
        assert await session.recover() == ()
        assert session.journal is not None
        statuses = [str(entry.status) for entry in session.journal.entries()]
        if step == "begin":
            assert statuses == []
        elif step in UNWRITTEN:
            assert statuses == ["failed"]
            assert told[0].endswith("it was not written")
        else:
            assert statuses == ["verified" if step == "end" else "written"]
        if step in UNWRITTEN:
            with pytest.raises(MeshtuiError, match="no change to undo"):
                await undo(session)
        else:
            await undo(session)
        assert http(rules) == [ALL]
    finally:
        await session.close()


def test_a_fault_of_one_who_was_killed_is_ended_by_the_keeper(
    rules: Mesh, operator: Operator
) -> None:
    die(operator, "sent", "fault", "reviews", "--abort", "503", "--for", "1ms")
    assert "fault" in http(rules)[0]
    ran = operator.run("keep", "--once")
    assert ran.status == 0, ran.err
    assert "its time was over" in ran.out
    assert http(rules) == [ALL]

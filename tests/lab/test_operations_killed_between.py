"""Killed between the parts of one change: each part is judged by its object, and undo works."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.lab.harness import ISTIO, Mesh, Obj, until
from tests.lab.operator import GLANCE, Operator

SERVICES = "/api/v1/namespaces/default/services"
PLURALS = ("destinationrules", "virtualservices")
ADMIRERS: Obj = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "admirers", "namespace": "default"},
    "spec": {"selector": {"app": "reviews"}, "ports": [{"name": "http", "port": 9080}]},
}

KILLED = """
import os, signal, sys
from meshtui.cli import main
from meshtui.journal import Journal
from meshtui.operations.change import apply as applying

wanted, part = sys.argv[1].split()
turn = 0

def die(step):
    if step == wanted and turn == int(part):
        os.kill(os.getpid(), signal.SIGKILL)

begin, start, send, settle = (
    Journal.begin_parts, Journal.start, applying.send, Journal.settle
)

def killed_begin(*words):
    found = begin(*words)
    die("queued")
    return found

def killed_start(*words):
    global turn
    turn += 1
    die("turn")
    start(*words)
    die("started")

async def killed_send(*words, **more):
    die("send")
    written = await send(*words, **more)
    die("sent")
    return written

def killed_settle(*words, **more):
    settle(*words, **more)
    die("settled")

Journal.begin_parts, Journal.start, Journal.settle = killed_begin, killed_start, killed_settle
applying.send = killed_send
sys.exit(main(sys.argv[2:]))
"""
STEPS = {
    "queued 0": 0,
    "turn 1": 0,
    "started 1": 0,
    "send 1": 0,
    "sent 1": 1,
    "settled 1": 1,
    "turn 2": 1,
    "started 2": 1,
    "send 2": 1,
    "sent 2": 2,
    "settled 2": 2,
}
"""How many of the two parts are in the cluster when the process dies at this step of a part."""


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    found = Operator(lab.kubeconfig, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", found.env["XDG_STATE_HOME"])
    return found


@pytest.fixture
def unruled(mesh: Mesh) -> Iterator[Mesh]:
    """`admirers`: the pods of `reviews` as a service without a rule."""
    mesh.api.call("POST", SERVICES, ADMIRERS)
    until(lambda: "|admirers." in mesh.routes(), what="a route to admirers")
    yield mesh
    for plural in there(mesh):
        mesh.api.call("DELETE", f"{ISTIO}/{plural}/admirers")
    mesh.api.call("DELETE", f"{SERVICES}/admirers")


def there(mesh: Mesh) -> list[str]:
    """The kinds of which `admirers` has an object, in the order in which they are made."""
    return [
        plural
        for plural in PLURALS
        if "admirers"
        in {item["metadata"]["name"] for item in mesh.api.call("GET", f"{ISTIO}/{plural}")["items"]}
    ]


def die(operator: Operator, step: str, *words: str) -> None:
    died = operator.run(step, *words, *GLANCE, "--yes", "--force", code=KILLED)
    assert died.status == -signal.SIGKILL, died.err


async def undo(session: Session, change_id: str = "") -> None:
    mesh = await session.read_mesh()
    plan = await session.plan_undo(mesh, change_id, None)
    await session.apply(plan, mesh, None, lambda _: None)


@pytest.mark.parametrize("step", STEPS)
async def test_an_adoption_is_judged_part_by_part_and_undone(
    unruled: Mesh, operator: Operator, step: str
) -> None:
    die(operator, step, "adopt", "admirers")
    made = STEPS[step]
    assert there(unruled) == list(PLURALS[:made])
    session = await Session.open(Options(kubeconfig=str(operator.kubeconfig), verify=False))
    try:
        told = await session.recover()
        assert session.journal is not None
        (whole,) = session.journal.changes()
        statuses = ["failed" if part.status == "failed" else "in" for part in whole.parts]
        assert statuses == ["in"] * made + ["failed"] * (2 - made)
        assert {part.took_effect for part in whole.parts[:made]} <= {True}
        assert await session.recover() == ()
        if made == 1:
            assert "half done" in told[0]
        if made:
            await undo(session)
        assert there(unruled) == []
    finally:
        await session.close()


@pytest.mark.parametrize("step", STEPS)
async def test_an_undo_that_died_half_way_is_finished(
    unruled: Mesh, operator: Operator, step: str
) -> None:
    adopted = operator.change("adopt", "admirers")
    die(operator, step, "undo", adopted["change"])
    gone = STEPS[step]
    assert there(unruled) == list(PLURALS[: 2 - gone])
    session = await Session.open(Options(kubeconfig=str(operator.kubeconfig), verify=False))
    try:
        await session.recover()
        if gone < 2:
            await undo(session)
        assert there(unruled) == []
        assert session.journal is not None
        assert session.journal.get(adopted["change"]).undone_by
    finally:
        await session.close()

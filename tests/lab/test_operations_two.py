"""Two operators on one service at once: each write is whole or refused, the journals are true."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from meshtui.errors import Conflict, Exit
from meshtui.journal import Entry, Journal, Status
from meshtui.lab.process import RunningLab
from tests.lab.harness import ISTIO, Mesh, Obj, to
from tests.lab.operator import Operator

TIMES = 100
LIST = f"{ISTIO}/virtualservices"
OPERATOR = """
import asyncio, sys
from meshtui.changes.change import Shift, Target
from meshtui.errors import Conflict
from meshtui.mesh.model import ServiceKey
from meshtui.operations.options import Options
from meshtui.operations.session import Session

async def main(version, times):
    session = await Session.open(Options(verify=False))
    target = Target(ServiceKey("default", "reviews"))
    mesh = await session.read_mesh()
    print("ready", flush=True)
    sys.stdin.readline()
    written = refused = 0
    for turn in range(times):
        try:
            plan = await session.plan(mesh, Shift({version: 1 + turn % 40}), target, None)
            outcome = await session.apply(plan, mesh, None, lambda _: None)
            written += outcome.applied
        except Conflict:
            refused += 1
    await session.close()
    print(written, refused)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def start(operator: Operator, version: str) -> subprocess.Popen[str]:
    return operator.start(version, str(TIMES), code=OPERATOR)


def entries(operator: Operator) -> list[Entry]:
    (path,) = (operator.home / "state" / "meshtui" / "journal").glob("*.sqlite")
    journal = Journal(path)
    found = journal.entries(limit=10 * TIMES)
    journal.close()
    return list(found)


def history(lab: RunningLab, since: str) -> list[Obj]:
    """Each state of the VirtualService after the version `since`, from the API server's watch."""
    config = yaml.safe_load(lab.kubeconfig.read_text())
    server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    url = f"{server}{LIST}?watch=1&resourceVersion={since}&timeoutSeconds=2"
    asked = Request(url, headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked, context=ssl._create_unverified_context(), timeout=20) as answer:
        events = [json.loads(line) for line in answer]
    assert [event for event in events if event["type"] not in ("MODIFIED", "BOOKMARK")] == []
    return [e["object"] for e in events if e["object"]["metadata"]["name"] == "reviews"]


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    mesh.route({"route": [to("v1", 98), to("v2", 1), to("v3", 1)]})
    return mesh


def test_two_who_shift_at_once_overwrite_nothing_of_each_other(
    rules: Mesh, lab: RunningLab, tmp_path: Path
) -> None:
    before = rules.api.call("GET", f"{LIST}/reviews")
    operators = [Operator(lab.kubeconfig, tmp_path / name) for name in ("ann", "bob")]
    running = [start(o, v) for o, v in zip(operators, ("v2", "v3"), strict=True)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [tuple(map(int, process.communicate(timeout=90)[0].split())) for process in running]
    after = rules.api.call("GET", f"{LIST}/reviews")

    journals = [entries(operator) for operator in operators]
    written = [e for journal in journals for e in journal if e.status is Status.WRITTEN]
    failed = [e for journal in journals for e in journal if e.status is Status.FAILED]
    assert len(written) + len(failed) == sum(map(len, journals))
    for (wrote, _refused), journal in zip(said, journals, strict=True):
        assert wrote == sum(entry.status is Status.WRITTEN for entry in journal)
    assert sum(refused for _, refused in said) > 0, "they never met"
    generations = after["metadata"]["generation"] - before["metadata"]["generation"]
    assert generations == len(written)

    states = history(lab, before["metadata"]["resourceVersion"])
    assert_a_chain(before, states, written)
    versions = Counter(entry.resource_version for entry in written)
    assert max(versions.values()) == 1, "two writes on one version"


def assert_a_chain(before: Obj, states: list[Obj], written: list[Entry]) -> None:
    """Each state of the object is what one journaled write made of the state before it."""
    assert len(states) == len(written)
    planned_on = {entry.resource_version: entry for entry in written}
    last = before
    for state in states:
        entry = planned_on[last["metadata"]["resourceVersion"]]
        assert (entry.spec_before, entry.spec_after) == (last["spec"], state["spec"])
        last = state


def test_a_refusal_is_exit_status_three() -> None:
    assert Conflict.exit is Exit.CONFLICT == 3

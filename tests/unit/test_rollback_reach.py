"""What a rollback does not reach, and taking it along as one change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Plan, Rollback, Target
from meshtui.changes.locate import HostSubset, locate
from meshtui.changes.not_reached import beyond, rollback_rules
from meshtui.changes.outcome import Outcome
from meshtui.changes.patch import apply
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.operations.change.apply import Callers
from meshtui.operations.session import Session
from tests.unit.fake_cluster import ISTIO, VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, reviews, route

REVIEWS = ServiceKey("default", "reviews")
EDGE = f"{ISTIO}/namespaces/default/virtualservices/edge"
STABLE = HostSubset("reviews.default.svc.cluster.local", "v1")
ORDINARY: Obj = {"name": "all", "route": [route("v1", 60), route("v3", 40)]}
TESTERS: Obj = {
    "name": "testers",
    "match": [{"headers": {"end-user": {"exact": "jason"}}}],
    "fault": {"delay": {"fixedDelay": "7s", "percentage": {"value": 100}}},
    "route": [route("v3")],
}
SOUND: Obj = {"match": [{"uri": {"exact": "/x"}}], "route": [route("v1")]}
AT_THE_EDGE: Obj = {"name": "edge", "route": [route("v1", 98), route("v3", 2)]}


def edge(*rules: Obj) -> Obj:
    raw = routed(*rules, name="edge")
    raw["spec"] |= {"hosts": ["shop.example.com"], "gateways": ["shop"]}
    return raw


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def cluster() -> FakeCluster:
    own = routed(TESTERS, SOUND, ORDINARY)
    return FakeCluster(own, edge(AT_THE_EDGE), policy("v1", "v2", "v3"))


@pytest.fixture
def opened(cluster: FakeCluster) -> Session:
    return session(cluster)


async def plan(opened: Session, everywhere: bool = False) -> Plan:
    cluster: Any = opened.cluster
    request = Rollback("v1", everywhere=everywhere)
    return await opened.plan(mesh_of(cluster), request, Target(REVIEWS, "all"), None)


async def made(opened: Session, wanted: Plan, callers: Callers | None = None) -> Outcome:
    cluster: Any = opened.cluster
    return await opened.apply(wanted, mesh_of(cluster), None, lambda _: None, callers)


def mesh(*rules: Obj) -> Mesh:
    return reviews(*rules)


def words(*rules: Obj, at: str = "all") -> list[str]:
    located = locate(mesh(*rules), Target(REVIEWS, at))
    return [one.words for one in beyond(located, STABLE)]


def test_testers_on_the_canary_and_their_delay_are_named() -> None:
    assert words(TESTERS, SOUND, ORDINARY) == [
        "rule testers (header end-user = jason): 100 % to v3, fault delay 7s 100%"
    ]


def test_what_is_on_stable_is_not() -> None:
    assert words(SOUND, ORDINARY) == []
    whole: Obj = {
        "match": [{"uri": {"exact": "/y"}}],
        "route": [{"destination": {"host": "reviews"}}],
    }
    assert words(whole, ORDINARY) == []


def test_a_rule_that_the_rollback_takes_away_is_not() -> None:
    targeted = {**TESTERS, "name": "meshtui-fault-all-end-user-jason"}
    assert words(targeted, ORDINARY) == []


async def test_other_objects_are_named_with_their_part(opened: Session) -> None:
    found = await plan(opened)
    assert len(found.not_reached) == 2
    assert found.not_reached[1] == "rule edge of VirtualService default/edge: 2 % to v3"
    assert f"not reached by this rollback: {found.not_reached[1]}" in found.warnings
    assert len(found.changes) == 1


async def test_everywhere_takes_all_of_it_along_as_one_change(
    cluster: FakeCluster, opened: Session
) -> None:
    before = {path: cluster.spec(path) for path in (VS, EDGE)}
    wanted = await plan(opened, everywhere=True)
    assert wanted.not_reached == ()
    assert [change.target.name for change in wanted.changes] == ["reviews", "edge"]
    assert wanted.change.words == (
        "rule testers: v3 100 → 0 %",
        "rule testers: v1 0 → 100 %",
        "rule testers: fault delay 7s 100% → none",
        "rule all: v1 60 → 100 %",
        "rule all: v3 40 → 0 %",
    )
    written: list[int] = []

    async def callers() -> None:
        written.append(len(cluster.writes))

    outcome = await made(opened, wanted, callers)
    assert written == [2], "who calls is asked once, and only then"
    assert carrying(cluster, VS) == [["v1"], ["v1"], ["v1"]]
    assert carrying(cluster, EDGE) == [["v1"]]
    assert "fault" not in cluster.spec()["http"][0]
    undo = await opened.plan_undo(mesh_of(cluster), outcome.change_id, None)
    await made(opened, undo)
    assert {path: cluster.spec(path) for path in (VS, EDGE)} == before


def carrying(cluster: FakeCluster, path: str) -> list[list[str]]:
    return [
        [
            r["destination"]["subset"]
            for r in rule["route"]
            if r.get("weight", 100 if len(rule["route"]) == 1 else 0) > 0
        ]
        for rule in cluster.spec(path)["http"]
    ]


async def test_somebody_else_writes_between_and_all_rules_are_still_taken_back(
    cluster: FakeCluster, opened: Session
) -> None:
    left = [1]

    def write(method: str, path: str) -> None:
        if left[0] and path == VS:
            left[0] -= 1
            cluster.edit(VS, lambda spec: spec["http"].insert(0, {**SOUND, "name": "new"}))

    wanted = await plan(opened, everywhere=True)
    cluster.before_write = write
    await made(opened, wanted)
    assert carrying(cluster, VS) == [["v1"]] * 4
    assert carrying(cluster, EDGE) == [["v1"]]


def test_targeted_rules_of_several_bases_go_and_every_patch_fits() -> None:
    targeted = {**TESTERS, "name": "meshtui-fault-testers-x-y"}
    mine = {**TESTERS, "name": "meshtui-fault-all-x-y"}
    rules = (targeted, TESTERS, mine, SOUND, ORDINARY)
    located = locate(mesh(*rules), Target(REVIEWS, "all"))
    (change,) = rollback_rules(located.mesh, located, STABLE, beyond(located, STABLE))
    after: Any = apply(located.owner.raw, change.patch)
    assert [rule.get("name") for rule in after["spec"]["http"]] == ["testers", None, "all"]
    assert apply(after, change.inverse) == located.owner.raw

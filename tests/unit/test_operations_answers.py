"""Every write with every answer: what the journal says of it is what its object says."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import (
    ClearAll,
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    Plan,
    Promote,
    Request,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.edit import edited
from meshtui.changes.outcome import Outcome
from meshtui.errors import Conflict, MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.journal import Status
from meshtui.kube.failures import Unanswered
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.adopt import plan_adoption
from meshtui.operations.change.write_answers import ON_ITS_WAY_S
from meshtui.operations.session import Session
from tests.unit.fake_cluster import DR, VS, FakeCluster, failing, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
RULE: Obj = {
    "name": "all",
    "route": [route("v1", 90), route("v2", 10)],
    "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 10}}},
    "mirrors": [{"destination": {"host": "reviews", "subset": "v3"}}],
    "timeout": "3s",
}
LIMITED: Obj = policy("v1", "v2", "v3")
LIMITED["spec"]["trafficPolicy"] = {"connectionPool": {"http": {"http1MaxPendingRequests": 5}}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def both() -> FakeCluster:
    return FakeCluster(routed(RULE), LIMITED)


async def applied(opened: Session, plan: Plan, cluster: FakeCluster) -> Outcome:
    """In a mesh without proxies: nobody is asked, nobody waits."""
    mesh = replace(mesh_of(cluster), pods=())
    return await opened.apply(plan, mesh, None, lambda _: None)


Wish = tuple[Callable[[], FakeCluster], Callable[[Session, FakeCluster], Any]]


def asked(request: Request, cluster: Callable[[], FakeCluster] = both) -> Wish:
    async def plan(opened: Session, of: FakeCluster) -> Plan:
        return await opened.plan(mesh_of(of), request, Target(REVIEWS), None)

    return cluster, plan


async def an_edit(opened: Session, cluster: FakeCluster) -> Plan:
    mesh = mesh_of(cluster)
    (item,) = mesh.virtual_services
    typed = copy.deepcopy(dict(item.raw))
    typed["spec"]["http"][0]["timeout"] = "9s"
    return await opened.planner.checked(mesh, edited(mesh, item, REVIEWS, typed), None)


async def an_adoption(opened: Session, cluster: FakeCluster) -> Plan:
    return await plan_adoption(opened, mesh_of(cluster), REVIEWS, "v1")


def undone(make: Wish) -> Wish:
    """The way back of a change that was made."""
    cluster, wish = make

    async def plan(opened: Session, of: FakeCluster) -> Plan:
        await applied(opened, await wish(opened, of), of)
        return await opened.plan_undo(mesh_of(of), "", None)

    return cluster, plan


ADOPTION: Wish = (FakeCluster, an_adoption)
WISHES: dict[str, Wish] = {
    "shift": asked(Shift({"v2": 30})),
    "a new destination": asked(Shift({"v3": 30})),
    "promote": asked(Promote("v2")),
    "rollback": asked(Rollback("v1")),
    "mirror": asked(SetMirror("v2")),
    "mirror off": asked(ClearMirror()),
    "fault": asked(SetFault(delay_s=2.0, expires_s=None)),
    "a targeted fault": asked(SetFault(abort_http=503, header=("x", "1"))),
    "fault off": asked(ClearFault()),
    "clear": asked(ClearAll()),
    "timeout": asked(SetTimeout(5.0, attempts=2)),
    "timeout off": asked(ClearTimeout()),
    "breaker": asked(SetBreaker(limits={"max_pending": 7})),
    "a new breaker": asked(
        SetBreaker(limits={"max_pending": 7}), lambda: FakeCluster(routed(RULE))
    ),
    "breaker off": asked(ClearBreaker()),
    "edit": (both, an_edit),
    "adopt": ADOPTION,
    "undo of a patch": undone(asked(Shift({"v2": 30}))),
    "undo of an inserted rule": undone(asked(SetFault(abort_http=503, header=("x", "1")))),
    "undo of an adoption": undone(ADOPTION),
}


class World:
    """A cluster whose next writes are answered in one way; late ones are stored at the end."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self._waiting: list[Callable[[], Any]] = []
        self._do = cluster._do

    def settle(self) -> None:
        """Everything that is on its way comes, and answers are right again."""
        self.cluster.before_write = self.cluster.after_write = lambda method, path: None
        self.cluster.answer = lambda obj: obj
        self.cluster._do = self._do  # type: ignore[method-assign]
        for write in self._waiting:
            write()

    def lost_after(self) -> None:
        self.cluster.after_write = failing(Unanswered("the connection broke"))

    def lost_before(self) -> None:
        self.cluster.before_write = failing(Unanswered("503 from a proxy in between"))

    def mangled(self) -> None:
        self.cluster.answer = lambda obj: {}

    def garbage(self) -> None:
        self.cluster.answer = lambda obj: "<html>"

    def repeated(self) -> None:
        """A balancer sends it once more: that one conflicts with the first, or finds nothing."""

        def again(method: str, path: str) -> None:
            raise NotFound("not found") if method == "DELETE" else Conflict("modified")

        self.cluster.after_write = again

    def late(self) -> None:
        """It stands in a queue somewhere, and the answer that comes is not the server's."""

        def wait(method: str, path: str, body: Any, dry_run: bool) -> Obj:
            if dry_run:
                return self._do(method, path, body, dry_run)
            self._waiting.append(lambda: self._do(method, path, body, False))
            raise Unanswered("504 from a proxy in between")

        self.cluster._do = wait  # type: ignore[method-assign]

    def late_by_a_moment(self) -> None:
        """It is stored between two looks at the object."""
        get, self.late_looks = self.cluster.get, 0
        self.late()

        async def look(path: str, *words: Any, **more: Any) -> Any:
            self.late_looks += 1
            if self.late_looks % 3 == 0:
                for write in self._waiting:
                    write()
                self._waiting.clear()
            return await get(path, *words, **more)

        self.cluster.get = look  # type: ignore[method-assign]

    def refused(self) -> None:
        self.cluster.before_write = failing(Refused("denied by a policy"))

    def forbidden(self) -> None:
        self.cluster.before_write = failing(NotAllowed("forbidden"))

    def busy(self) -> None:
        self.cluster.before_write = failing(Unreachable("429: try again"))

    def unreadable(self) -> None:
        """The answer is lost and the object can't be read either, for the moment."""
        get = self.cluster.get

        def broke(method: str, path: str) -> None:
            self.cluster.get = dead  # type: ignore[method-assign]
            raise Unanswered("the connection broke")

        async def dead(path: str, *words: Any, **more: Any) -> Any:
            raise Unreachable("no route to host")

        def mend() -> None:
            self.cluster.get = get  # type: ignore[method-assign]

        self.cluster.after_write = broke
        self._waiting.append(mend)


ANSWERS = (
    World.lost_after,
    World.lost_before,
    World.mangled,
    World.garbage,
    World.repeated,
    World.late,
    World.late_by_a_moment,
    World.refused,
    World.forbidden,
    World.busy,
    World.unreadable,
)
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())
TRUE_AT_ONCE = {
    World.lost_after: True,
    World.mangled: True,
    World.garbage: True,
    World.repeated: True,
    World.late_by_a_moment: True,
    World.refused: False,
    World.forbidden: False,
    World.busy: False,
}


def specs(cluster: FakeCluster) -> dict[str, Any]:
    return {path: copy.deepcopy(raw["spec"]) for path, raw in cluster.objects.items()}


@every_wish
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
async def test_the_journal_says_what_the_object_says(
    wish: Wish, answer: Callable[[World], None]
) -> None:
    make, planning = wish
    cluster = make()
    opened = session(cluster)
    assert opened.journal is not None
    plan = await planning(opened, cluster)
    before, world = specs(cluster), World(cluster)
    known = {entry.id for entry in opened.journal.entries()}
    answer(world)
    try:
        outcome = await applied(opened, plan, cluster)
        assert outcome.applied
        assert any("its object has it all the same" in text for text in outcome.warnings)
    except MeshtuiError:
        outcome = None
    in_by_then = specs(cluster) != before
    mine = [e for e in opened.journal.entries() if e.id not in known and not e.undoes]
    rows = mine or [e for e in opened.journal.entries() if e.id not in known]
    for row in rows:
        assert not (row.took_effect and not in_by_then)
    if answer in TRUE_AT_ONCE:
        assert (outcome is not None) is TRUE_AT_ONCE[answer]
        assert {row.took_effect for row in rows} == {TRUE_AT_ONCE[answer]}
    world.settle()
    opened.journal._clock = lambda: time.time() + ON_ITS_WAY_S
    await opened.recover()
    for row in map(opened.journal.part, [row.id for row in rows]):
        is_in = cluster.objects.get(_path(row.target), {}).get("spec") != before.get(
            _path(row.target)
        )
        assert row.status in (Status.WRITTEN if is_in else Status.FAILED,), row
    await _undo_all(opened, cluster)
    assert specs(cluster) == (before if not plan.change.undoes else specs(cluster))


def _path(target: Any) -> str:
    return {"VirtualService": VS, "DestinationRule": DR}[target.kind]


async def _undo_all(opened: Session, cluster: FakeCluster) -> None:
    """Takes back what stands, as a person would."""
    while True:
        try:
            plan = await opened.plan_undo(mesh_of(cluster), "", None)
        except MeshtuiError as error:
            assert "no change to undo" in str(error)
            return
        await applied(opened, plan, cluster)


async def test_the_same_change_by_another_hand_is_a_conflict_all_the_same() -> None:
    cluster = both()
    opened = session(cluster)
    plan = await opened.plan(mesh_of(cluster), Shift({"v2": 30}), Target(REVIEWS), None)
    cluster.edit(VS, lambda spec: spec.update(copy.deepcopy(dict(plan.change.spec_after))))
    with pytest.raises(Conflict):
        await applied(opened, plan, cluster)
    assert opened.journal is not None
    assert [entry.status for entry in opened.journal.entries()] == [Status.FAILED]


async def test_another_writer_after_ones_own_does_not_hide_it() -> None:
    cluster = both()
    opened = session(cluster)
    plan = await opened.plan(mesh_of(cluster), Shift({"v2": 30}), Target(REVIEWS), None)

    def another(method: str, path: str) -> None:
        cluster.edit(VS, lambda spec: spec.update(exportTo=["."]))
        raise Conflict("modified")

    cluster.after_write = another
    outcome = await applied(opened, plan, cluster)
    assert outcome.applied
    cluster.after_write = lambda method, path: None
    undo = await opened.plan_undo(mesh_of(cluster), "", None)
    await applied(opened, undo, cluster)
    assert cluster.spec() == {**routed(RULE)["spec"], "exportTo": ["."]}


def defaults(raw: Obj) -> None:
    """As a webhook would: a timeout in each rule, labels, a default in each mirror."""
    for rule in raw["spec"].get("http", ()):
        rule.setdefault("timeout", "15s")
        for mirror in rule.get("mirrors", ()):
            mirror.setdefault("percentage", {"value": 100})
    raw["spec"].setdefault("exportTo", ["*"])


def guard_rule(raw: Obj) -> None:
    """A webhook that puts a rule of its own in front."""
    rules = raw["spec"].get("http")
    if rules and rules[0].get("name") != "guard":
        rules.insert(
            0, {"name": "guard", "match": [{"uri": {"exact": "/x"}}], "route": [route("v1")]}
        )


@pytest.mark.parametrize("mutate", [defaults, guard_rule], ids=lambda mutate: mutate.__name__)
@pytest.mark.parametrize(
    "wish",
    [w for n, w in WISHES.items() if "undo" not in n],
    ids=[n for n in WISHES if "undo" not in n],
)
async def test_what_the_server_adds_is_nobody_elses_change(
    wish: Wish, mutate: Callable[[Obj], None]
) -> None:
    make, planning = wish
    cluster = make()
    cluster.mutate = mutate
    opened = session(cluster)
    plan = await planning(opened, cluster)
    before = specs(cluster)
    await applied(opened, plan, cluster)
    assert opened.journal is not None
    for entry in opened.journal.entries():
        assert entry.spec_left == cluster.spec(_path(entry.target))
    await _undo_all(opened, cluster)
    for path, raw in copy.deepcopy(before).items():
        sought = {"spec": raw, "metadata": {}}
        mutate(sought)
        found = {"spec": copy.deepcopy(cluster.objects[path]["spec"])}
        mutate(found)
        assert found["spec"] == sought["spec"]
    assert cluster.objects.keys() == before.keys()


async def test_a_lost_answer_is_known_again_in_spite_of_defaults() -> None:
    cluster = both()
    cluster.mutate = defaults
    opened = session(cluster)
    plan = await opened.plan(mesh_of(cluster), SetMirror("v2"), Target(REVIEWS), None)
    cluster.after_write = failing(Unanswered("the connection broke"))
    assert (await applied(opened, plan, cluster)).applied

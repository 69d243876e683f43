"""What became of an interrupted change: the object tells, or nobody can and that is said."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.assemble import creation, removal
from meshtui.changes.build import build_change
from meshtui.changes.change import Change, ClearFault, SetFault, SetMirror, Shift, Target
from meshtui.changes.patch import apply
from meshtui.errors import Unreachable
from meshtui.journal import Entry, Journal, Status
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.judge import judge
from meshtui.operations.change.recover import recover
from meshtui.operations.change.write_answers import ON_ITS_WAY_S
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
HEADER = ("x-chaos", "1")
RULE = {"route": [route("v1", 90), route("v2", 10)]}
MIRRORED = {**RULE, "mirrors": [{"destination": {"host": "ratings"}}]}
SPECIAL = {"name": "special", "match": [{"uri": {"exact": "/x"}}], "route": [route("v2")]}
Elsewhere = Callable[[Obj], None]


def of(rule: Obj, request: Any) -> Change:
    return build_change(
        mesh_of(FakeCluster(routed(rule), policy("v1", "v2", "v3"))), request, Target(REVIEWS)
    )


def faulty() -> Obj:
    """A rule below one that targets a fault at it."""
    return routed(*of(RULE, SetFault(abort_http=503, header=HEADER)).spec_after["http"])


def clearing() -> Change:
    mesh = mesh_of(FakeCluster(faulty(), policy("v1", "v2", "v3")))
    return build_change(mesh, ClearFault(HEADER), Target(REVIEWS, "1"))


CHANGES = {
    "weights": lambda: of(RULE, Shift({"v2": 40})),
    "a destination is added": lambda: of(RULE, Shift({"v3": 40})),
    "a mirror is appended": lambda: of(MIRRORED, SetMirror("v3")),
    "a fault is put in": lambda: of(RULE, SetFault(abort_http=503)),
    "a rule is put in": lambda: of(RULE, SetFault(abort_http=503, header=HEADER)),
    "a rule is taken away": clearing,
}
every_change = pytest.mark.parametrize("make", CHANGES.values(), ids=CHANGES.keys())


def entry(journal: Journal, change: Change) -> Entry:
    return journal.get(journal.begin(change, "c"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "j.sqlite", clock=lambda: 1000.0)


def judged(journal: Journal, change: Change, spec: Any, **meta: str) -> tuple[Status, str]:
    known = {"uid": change.target.uid, "resourceVersion": "later", **meta}
    return judge(entry(journal, change), {"metadata": known, "spec": spec})


def elsewhere(spec: Any) -> Any:
    """Somebody else's write, beside what is changed."""
    changed = copy.deepcopy(dict(spec))
    changed["exportTo"] = ["."]
    changed["http"][-1]["timeout"] = "9s"
    return changed


@every_change
def test_the_same_version_means_that_nothing_was_written(
    journal: Journal, make: Callable[[], Change]
) -> None:
    change = make()
    version = change.resource_version
    found = judged(journal, change, change.spec_before, resourceVersion=version)
    assert found == (Status.FAILED, "it was not written")


@every_change
def test_an_object_as_it_was_meant_to_be_was_written(
    journal: Journal, make: Callable[[], Change]
) -> None:
    change = make()
    assert judged(journal, change, change.spec_after)[0] is Status.WRITTEN
    assert judged(journal, change, change.spec_before)[0] is Status.FAILED


@every_change
def test_another_writer_beside_it_does_not_hide_what_happened(
    journal: Journal, make: Callable[[], Change]
) -> None:
    change = make()
    assert judged(journal, change, elsewhere(change.spec_after))[0] is Status.WRITTEN
    assert judged(journal, change, elsewhere(change.spec_before))[0] is Status.FAILED


@every_change
def test_a_rule_put_above_by_another_is_no_reason_not_to_know(
    journal: Journal, make: Callable[[], Change]
) -> None:
    change = make()
    for spec, status in ((change.spec_before, Status.FAILED), (change.spec_after, Status.WRITTEN)):
        moved = {**spec, "http": [SPECIAL, *spec["http"]]}
        assert judged(journal, change, moved)[0] is status


def test_the_same_place_in_other_hands_is_not_known(journal: Journal) -> None:
    change = CHANGES["weights"]()
    spec = copy.deepcopy(dict(change.spec_before))
    spec["http"][0]["route"][0]["weight"] = 50
    assert judged(journal, change, spec)[0] is Status.UNKNOWN


def test_an_object_made_anew_tells_nothing(journal: Journal) -> None:
    change = CHANGES["weights"]()
    assert judged(journal, change, change.spec_after, uid="other")[0] is Status.UNKNOWN


def made() -> Change:
    return creation(REVIEWS, "adopt", routed(RULE), ("is made",))


def taken_away() -> Change:
    raw = FakeCluster(routed(RULE)).objects[VS]
    return removal(REVIEWS, "undo", raw, ("is taken away",))


def test_a_creation_is_told_by_what_is_there(journal: Journal) -> None:
    change = creation(
        REVIEWS,
        "adopt",
        {**routed(RULE), "metadata": {"name": "reviews", "namespace": "default"}},
        (),
    )
    assert judged(journal, change, change.spec_after)[0] is Status.WRITTEN
    assert judged(journal, change, elsewhere(change.spec_after))[0] is Status.UNKNOWN


def test_a_removal_that_did_not_happen_is_told_though_another_wrote(journal: Journal) -> None:
    change = taken_away()
    assert judged(journal, change, elsewhere(change.spec_before))[0] is Status.FAILED
    assert judged(journal, change, change.spec_before, uid="other")[0] is Status.UNKNOWN


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (made, Status.FAILED),
        (taken_away, Status.WRITTEN),
        (CHANGES["weights"], Status.UNKNOWN),
    ],
)
async def test_an_object_that_is_not_there_tells_too(
    journal: Journal, make: Callable[[], Change], status: Status
) -> None:
    journal.settle(unanswered := journal.begin(make(), "c"), Status.UNANSWERED)
    journal._clock = lambda: 1000.0 + ON_ITS_WAY_S
    await recover(FakeCluster(), journal)
    assert journal.get(unanswered).status is status


async def test_an_object_that_can_not_be_read_leaves_the_question_open(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*words: Any, **more: Any) -> Any:
        raise Unreachable("no answer")

    journal.settle(unanswered := journal.begin(made(), "c"), Status.UNANSWERED)
    cluster = FakeCluster()
    monkeypatch.setattr(cluster, "get", silent)
    (line,) = await recover(cluster, journal)
    assert "can't be read" in line
    assert journal.get(unanswered).status is Status.UNANSWERED


def test_what_is_still_being_written_is_left_alone_but_not_for_ever(tmp_path: Path) -> None:
    now = [1000.0]
    journal = Journal(tmp_path / "j.sqlite", clock=lambda: now[0])
    journal.begin(made(), "c")
    assert journal.interrupted() == ()
    now[0] += 121.0
    assert len(journal.interrupted()) == 1


def test_the_patches_are_what_they_are_called() -> None:
    change = CHANGES["a rule is taken away"]()
    assert [op["op"] for op in change.patch] == ["remove"]
    assert apply(faulty(), change.patch)["spec"] == routed(RULE)["spec"]

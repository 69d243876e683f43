"""Whose sidecars of a large mesh are read, and when: the plan, and a source that follows it."""

from __future__ import annotations

from math import inf

import pytest

from meshtui.config.settings import Config
from meshtui.lab.synthetic.objects import namespace
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.focus import FEW
from meshtui.metrics.read_once import ReadOnce
from meshtui.metrics.scrape import PodId, pod_id
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.turns import Needed, Turn, needed, round_of
from meshtui.metrics.window import Window
from meshtui.operations.look.telemetry import STALE_TICKS
from tests.unit.test_metrics_focus import (
    CALLER,
    DEADLINE_S,
    KEY,
    NUMBER,
    Sidecars,
    rows,
    states,
    twice,
)

NEVER = Turn(False, -inf)


def pod(name: str, workload: str = "w") -> Pod:
    return Pod("ns", name, ip=name, workload=workload)


def ids(*names: str) -> frozenset[PodId]:
    return frozenset(pod_id(pod(name)) for name in names)


@pytest.mark.parametrize(
    ("need", "turns", "first", "others"),
    [
        (Needed(ids()), {}, "", "a c b d"),
        (Needed(ids("d")), {}, "d", "a c b"),
        (Needed(ids("d"), ids("d", "b")), {}, "d", "b"),
        (Needed(ids(), ids()), {}, "", ""),
        (Needed(ids()), {"a": Turn(False, 3.0), "b": Turn(False, 1.0)}, "", "c d b a"),
        (Needed(ids()), {"b": Turn(True, 9.0)}, "", "b a c d"),
        (Needed(ids("a", "b")), {"a": Turn(False, 2.0), "b": Turn(True, 5.0)}, "b a", "c d"),
    ],
    ids=["one of each workload", "shown", "listed", "none listed", "longest", "half", "in turns"],
)
def test_who_is_read_in_a_round(
    need: Needed, turns: dict[str, Turn], first: str, others: str
) -> None:
    """`a` and `b` are of one workload, `c` and `d` of another."""
    pods = [pod("a", "v"), pod("b", "v"), pod("c", "w"), pod("d", "w")]
    found = round_of(pods, need, lambda one: turns.get(one.name, NEVER))
    assert [one.name for one in found.first] == first.split()
    assert [one.name for one in found.others] == others.split()


@pytest.mark.parametrize(
    ("first", "turns", "begins"),
    [
        (ids(), {}, True),
        (ids("a", "b", "c", "d"), {}, False),
        (ids("c"), {"a": Turn(False, 3.0)}, False),
        (ids("c"), {"a": Turn(True, 3.0)}, True),
        (ids(), {"a": Turn(False, 3.0), "d": Turn(False, 3.0)}, True),
    ],
    ids=["none was read", "all are shown", "one of each was", "it was once", "not the first copy"],
)
def test_some_have_no_rate_at_all(
    first: frozenset[PodId], turns: dict[str, Turn], begins: bool
) -> None:
    pods = [pod("a", "v"), pod("b", "v"), pod("c", "w"), pod("d", "w")]
    found = round_of(pods, Needed(first), lambda one: turns.get(one.name, NEVER))
    assert found.begins == begins


def names(mesh_pods: tuple[Pod, ...], found: frozenset[PodId]) -> set[str]:
    return {one.workload for one in mesh_pods if pod_id(one) in found}


def test_rows_rest_on_their_own_pods_and_their_callers() -> None:
    mesh = Sidecars().mesh
    caller = ("ns", "w")
    one = next(p for p in mesh.pods if p.workload == f"service-{CALLER}-v1")
    clients = {KEY: frozenset({(one.namespace, one.workload), caller})}
    own = {f"service-{NUMBER}-v{n}" for n in (1, 2, 3)}
    need = needed(mesh, mesh.pods, {KEY}, None, {})
    assert (names(mesh.pods, need.first), need.listed) == (own, None)
    need = needed(mesh, mesh.pods, {KEY}, {KEY, ServiceKey(namespace(1), "service-1")}, clients)
    assert names(mesh.pods, need.first) == own | {one.workload}
    assert need.listed is not None and need.listed > need.first
    assert len(names(mesh.pods, need.listed)) == 7


class Slow(Sidecars):
    """Each answer of a sidecar takes a tenth of a second."""

    async def get_text(self, path: str, query: object, timeout: float) -> str:  # noqa: ASYNC109
        self.now += 0.1
        return await super().get_text(path, query, timeout)


def source_of(sidecars: Sidecars, round_s: float = 1.0) -> SidecarSource:
    limits = Limits(
        deadline_s=DEADLINE_S, busy=0.0, concurrency=1, round_s=round_s, begin_s=round_s
    )
    clock = lambda: sidecars.now  # noqa: E731
    return SidecarSource(sidecars, limits, clock=clock, now=clock)  # type: ignore[arg-type]


async def test_what_is_shown_is_read_in_each_sample_and_the_others_in_turns() -> None:
    slow = Slow()
    assert len(slow.mesh.pods) > FEW
    source = source_of(slow)
    source.show(frozenset({KEY}))
    samples = 12
    for _ in range(samples):
        slow.step()
        found = await source.sample(slow.mesh)
    own = [name for name in slow.asked if name.startswith(f"service-{NUMBER}-")]
    assert {slow.asked[name] for name in own} == {samples}
    callers = [name for name in slow.asked if name.startswith(f"service-{CALLER}-v1-")]
    assert len(callers) == 3
    assert min(slow.asked[name] for name in callers) >= samples - 1, "from when they are known"
    others = [name for name in slow.asked if name not in own and name not in callers]
    assert len(others) > 20 and max(slow.asked[name] for name in others) < 3
    shown = rows(slow.mesh, found, KEY).values()
    assert all(state != "unknown" and counted for _, state, counted in shown)
    assert found.read + found.failed == len(slow.mesh.pods)
    assert 0 < found.read < len(slow.mesh.pods)
    assert found.problems == ("what is shown is read first, the others in turns",)


async def test_rows_that_are_shown_have_the_numbers_of_a_whole_reading() -> None:
    part, whole = Sidecars(), Sidecars()
    source = source_of(part)
    source.show(frozenset({KEY}), frozenset({KEY}))
    part.now = 90.0
    await source.sample(part.mesh)
    found = await twice(part, source)
    everything = whole.source()
    whole.now = 90.0
    await everything.sample(whole.mesh)
    assert rows(part.mesh, found, KEY) == rows(whole.mesh, await twice(whole, everything), KEY)
    workloads = {name.rpartition("-")[0].rpartition("-")[0] for name in part.asked}
    assert workloads == {f"service-{NUMBER}-v{n}" for n in (1, 2, 3)} | {f"service-{CALLER}-v1"}
    assert found.problems == ("only the 12 sidecars that the rows shown need are read",)


async def test_nobody_looks_at_a_service_and_it_is_found_all_the_same() -> None:
    """Others have turns until all are known; none is called silent before, as one reading tells."""
    slow = Slow()
    source = source_of(slow, round_s=6.0)
    source.show(frozenset({KEY}))
    for _ in range(60):
        slow.step()
        found = await source.sample(slow.mesh)
        assert "no traffic" not in states(slow.mesh, found)
        if not found.failed:
            break
    assert found.read == len(slow.mesh.pods)
    assert found.problems == ()
    new = await asked_after(slow, source, OTHER)
    assert len(own_of(new)) == 9 and len(new) < 30, "the others have to wait"


async def test_until_all_are_known_others_are_read_whoever_looks() -> None:
    """As numbers come in rows change their places, and so does what is in sight."""
    slow = Slow()
    source = source_of(slow, round_s=6.0)
    source.show(frozenset({KEY}))
    await source.sample(slow.mesh)
    new = await asked_after(slow, source, OTHER)
    assert len(own_of(new)) == 9 and len(new) > 60


async def test_no_sample_takes_so_long_that_the_one_before_is_stale() -> None:
    """Over a bad line what is in sight takes longer than that: each has its turn all the same."""
    slow = Slow()
    source = source_of(slow, round_s=4.0)
    shown = frozenset(ServiceKey(namespace(number), f"service-{number}") for number in range(20))
    source.show(shown)
    for _ in range(12):
        slow.step()
        began = slow.now
        found = await source.sample(slow.mesh)
        assert slow.now - began < STALE_TICKS * Config().tick_s
    states = {rows(slow.mesh, found, key)["v1"][1] for key in shown}
    assert "unknown" not in states and "no traffic" not in states


OTHER = ServiceKey(namespace(5), "service-5")


def own_of(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("service-5-")]


async def asked_after(slow: Slow, source: SidecarSource, shown: ServiceKey) -> list[str]:
    """Who was asked in the sample after somebody began to look at a service."""
    before = slow.asked.copy()
    source.show(frozenset({shown}))
    slow.step()
    await source.sample(slow.mesh)
    return [name for name in slow.asked if slow.asked[name] > before[name]]


@pytest.mark.parametrize(
    ("steps", "late"),
    [
        ([], False),
        ([1], False),
        ([1, 2], False),
        (["look", 1], True),
        (["look", 1, "look"], True),
        (["look", 1, "look", 2], False),
        (["look", "miss"], False),
        (["look", 1, 2, 3], False),
        ([1, 2, "lost", "look", 40], True),
        (["look", "gone", 1], False),
    ],
)
def test_which_pods_were_read_only_once_after_they_had_waited(
    steps: list[object], late: bool
) -> None:
    """A number is a reading at that second."""
    one = pod_id(pod("a"))
    once, windows = ReadOnce(), {one: Window(15.0)}
    once.touch({one})
    for step in steps:
        if step == "look":
            once.look(windows)
        elif step == "gone":
            once.keep_only(set())
            windows[one] = Window(15.0)
        else:
            at = {"miss": 3.0, "lost": 30.0}.get(str(step))
            windows[one].miss(at) if at else windows[one].add(float(str(step)), Reading())
            once.touch({one})
    assert (one in once.look(windows)) is late

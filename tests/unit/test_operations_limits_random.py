"""Random sequences of everything that touches a time limit, against a small model of it.

The model keeps for each fault and mirror what it is, when it ends, and what it took the place of.
"""

from __future__ import annotations

import asyncio
import copy
import os
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshtui.changes.change import (
    ClearAll,
    ClearFault,
    ClearMirror,
    Plan,
    Promote,
    Request,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.changes.edit import edited
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.time_limits import Limits
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

T = TypeVar("T")
REVIEWS = ServiceKey("default", "reviews")
NAMES = ("v2", "v3", "abort")


@dataclass(frozen=True)
class On:
    """A percentage, when it ends, and what was on before by its change."""

    percent: int
    ends: float | None = None
    before: On | None = None


State = dict[str, On | None]
LIMIT = st.sampled_from([None, 5.0, 30.0, 200.0])
PERCENT = st.sampled_from([20, 50])


class TimeLimits(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = tempfile.TemporaryDirectory()
        self.now = 1_000.0
        self.state: State = dict.fromkeys(NAMES)
        self.saved: dict[str, State] = {}
        self.ghosts: set[str] = set()
        """Taken off by somebody else, and no meshtui has looked since."""

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        os.environ["XDG_STATE_HOME"] = self.home.name
        self.cluster = FakeCluster(
            routed({"route": [route("v1", 90), route("v2", 10)]}), policy("v1", "v2", "v3")
        )
        self.desks = [session(self.cluster) for _ in range(2)]
        for desk in self.desks:
            assert desk.journal is not None
            desk.journal._clock = lambda: self.now
        self.keepers = [Limits(desk) for desk in self.desks]

    def teardown(self) -> None:
        for desk in getattr(self, "desks", ()):
            self.do(desk.close())
        self.loop.close()
        self.home.cleanup()

    # What is there

    def real(self) -> dict[str, int]:
        """What the object has on, by name."""
        rules = mesh_of(self.cluster).virtual_services[0].rules
        (mine,) = [r for r in rules if not r.matches]
        found = {m.subset: round(m.percent) for m in mine.mirrors}
        if mine.fault is not None and mine.fault.abort_http:
            found["abort"] = round(mine.fault.abort_percent)
        return found

    # Own changes

    async def _make(self, plan: Plan) -> str:
        mesh = mesh_of(self.cluster)
        return (await self.desks[0].apply(plan, mesh, None, lambda _: None)).change_id

    def make(self, request: Request) -> str:
        async def made() -> str:
            mesh = mesh_of(self.cluster)
            plan = await self.desks[0].plan(mesh, request, Target(REVIEWS), None)
            return await self._make(plan)

        return self.do(made())

    def changed(self, change_id: str, state: State) -> None:
        """The model goes on to `state`; what differs is saved for an undo of the change."""
        if change_id:
            was = {name: self.state[name] for name in state}
            self.saved[change_id] = was
        self.state |= state
        self.ghosts -= state.keys()

    def put_on(self, name: str, request: Request, percent: int, limit: float | None) -> None:
        known, there = self.state[name], self.real().get(name)
        ends = self.now + limit if limit else None
        change_id = self.make(request)
        if there is None:
            after = On(percent, ends)
        elif there != percent:
            after = On(percent, ends, known or On(there))
        else:
            after = On(percent, ends, known.before if known else None)
        assert bool(change_id) == (
            there != percent or ends != (known.ends if known else None) or bool(ends)
        )
        self.changed(change_id, {name: after})

    @rule(to=st.sampled_from(["v2", "v3"]), percent=PERCENT, limit=LIMIT)
    def mirror(self, to: str, percent: int, limit: float | None) -> None:
        self.put_on(to, SetMirror(to, percent, limit), percent, limit)

    @rule(percent=PERCENT, limit=LIMIT)
    def fault(self, percent: int, limit: float | None) -> None:
        request = SetFault(abort_http=503, abort_percent=percent, expires_s=limit)
        self.put_on("abort", request, percent, limit)

    @rule(
        request=st.sampled_from(
            [ClearMirror(), ClearMirror("v2"), ClearFault(), ClearAll(), Rollback("v1")]
        )
    )
    def off(self, request: Request) -> None:
        real = self.real()
        change_id = self.make(request)
        self.changed(change_id, dict.fromkeys(real.keys() - self.real().keys()))

    @rule(request=st.sampled_from([Shift({"v2": 30}), Shift({"v2": 60}), Promote("v2")]))
    def weights(self, request: Request) -> None:
        self.changed(self.make(request), {})

    @rule(percent=st.sampled_from([7, 9]))
    def edit(self, percent: int) -> None:
        """Another percentage of the fault, in the editor."""
        if "abort" not in self.real():
            return

        async def made() -> str:
            mesh = mesh_of(self.cluster)
            item = mesh.virtual_services[0]
            body = copy.deepcopy(self.cluster.objects[VS])
            mine = next(r for r in body["spec"]["http"] if "match" not in r)
            mine["fault"]["abort"]["percentage"] = {"value": percent}
            change = edited(mesh, item, REVIEWS, body)
            return await self._make(await self.desks[0].planner.checked(mesh, change, None))

        if self.real()["abort"] != percent:
            self.changed(self.do(made()), {"abort": On(percent)})

    @rule()
    def undo(self) -> None:
        async def undone() -> str:
            plan = await self.desks[0].plan_undo(mesh_of(self.cluster), "", None)
            await self._make(plan)
            return plan.change.undoes

        try:
            change_id = self.do(undone())
        except MeshtuiError:
            return
        was = self.saved.pop(change_id)
        self.state |= {name: on if name in self.real() else None for name, on in was.items()}

    # Somebody else

    @rule(name=st.sampled_from(NAMES), seen=st.booleans())
    def somebody_takes_off(self, name: str, seen: bool) -> None:
        if name not in self.real():
            return

        def without(spec: Obj) -> None:
            mine = next(r for r in spec["http"] if "match" not in r)
            if name == "abort":
                del mine["fault"]
            elif "mirrors" in mine:
                mine["mirrors"] = [m for m in mine["mirrors"] if m["destination"]["subset"] != name]
                if not mine["mirrors"]:
                    del mine["mirrors"]
            else:
                for key in ("mirror", "mirrorPercentage"):
                    mine.pop(key, None)

        self.cluster.edit(VS, without)
        self.state[name] = None
        self.ghosts.add(name)
        if seen:
            self.look()

    def look(self) -> None:
        self.do(self.keepers[0].close_what_is_gone())
        self.ghosts.clear()

    @rule()
    def somebody_injects(self) -> None:
        """Without a limit; where no meshtui saw that it was off, nobody can tell the two apart."""
        if "abort" in self.real() or "abort" in self.ghosts:
            return
        abort = {"httpStatus": 503, "percentage": {"value": 20}}

        def injected(spec: Obj) -> None:
            mine = next(r for r in spec["http"] if "match" not in r)
            mine["fault"] = {"abort": abort}

        self.cluster.edit(VS, injected)
        self.state["abort"] = On(20)

    @rule()
    def somebody_puts_a_rule_above(self) -> None:
        if len(self.cluster.spec()["http"]) < 3:
            match = [{"uri": {"exact": f"/{len(self.cluster.spec()['http'])}"}}]
            special = {"match": match, "route": [route("v2")]}
            self.cluster.edit(VS, lambda spec: spec["http"].insert(0, special))

    # Time

    @rule(seconds=st.sampled_from([1.0, 6.0, 40.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def keepers_run(self) -> None:
        """Both at once, until nothing is left to do for them."""

        async def both() -> tuple[str, ...]:
            mesh = mesh_of(self.cluster)
            found = await asyncio.gather(*(k.end_overdue(mesh) for k in self.keepers))
            return tuple(line for lines in found for line in lines)

        self.look()
        versions = len(self.cluster.writes)
        for _ in range(12):
            if not self.do(both()):
                break
        due = 0
        for name in NAMES:
            on = self.state[name]
            while on is not None and on.ends is not None and on.ends <= self.now:
                on, due = on.before, due + 1
            self.state[name] = on
        assert len(self.cluster.writes) - versions <= due
        told = [note for keeper in self.keepers for note in keeper.notices(mesh_of(self.cluster))]
        assert told == []

    @invariant()
    def only_what_is_over_ends(self) -> None:
        if not hasattr(self, "cluster"):
            return
        assert self.real() == {name: on.percent for name, on in self.state.items() if on}

    @invariant()
    def exactly_the_limits_of_what_is_on_are_listed(self) -> None:
        if not hasattr(self, "cluster"):
            return
        self.do(self.keepers[0].close_what_is_gone()) if not self.ghosts else None
        found = self.keepers[0].guarded()
        listed = {
            limit.effect.to.rpartition("/")[2] or limit.effect.kind: limit.ends
            for guarded in found
            for limit in guarded.limits
            if (limit.effect.to.rpartition("/")[2] or limit.effect.kind) not in self.ghosts
        }
        assert listed == {n: on.ends for n, on in self.state.items() if on and on.ends is not None}


TestTimeLimits = TimeLimits.TestCase
TestTimeLimits.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

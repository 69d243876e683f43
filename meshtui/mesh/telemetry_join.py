"""Which row a request belongs to: telemetry joined to the pods of the rows.

In this order: the workload that answered, its canonical revision, its version. Two rows that
telemetry cannot tell apart share what is counted, and neither has numbers of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.clusterless import NO_CLUSTER, Asked, Clusterless
from meshtui.mesh.flags import reached_a_pod
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.mesh.pod import NO_REVISION
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.row_work import RowWork, begun
from meshtui.mesh.sample_order import Counted, Order, Side
from meshtui.mesh.signals import NO_REQUESTS, UNTOLD, Responder, Signals, merged
from meshtui.mesh.versions import VersionView

REVISION_LABELS = (
    "service.istio.io/canonical-revision",
    "app.kubernetes.io/version",
    "version",
)
"""Where Istio has the canonical revision from, the first that is there."""

_Found = Sequence[tuple[int, Pod]]

TOGETHER_S = 60.0
"""Pods that became ready within it may have been down at the same time."""


def revision_of(pod: Pod) -> str:
    return next((pod.labels[name] for name in REVISION_LABELS if pod.labels.get(name)), NO_REVISION)


Placed = tuple[int, int, bool]
"""Where a target stands in a sample, the row that it is of where it is of no other, and whether
its requests have reached a pod. The row is -1 of all others, and `True` says of these that one
row is known, and others that it is not of."""


@dataclass(frozen=True, slots=True)
class Join:
    """The rows that a target may be (one, where telemetry says enough), and those it is not of
    although they have its pods, or may be the ones that lack a cluster; `why` says which."""

    rows: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    why: str = "its pods also belong to rows that rules send to"


class Joins:
    """The rows of one service by what telemetry calls their pods; what was found is kept."""

    def __init__(
        self,
        key: ServiceKey,
        rows: Sequence[VersionView],
        clusterless: Asked = Clusterless,
    ) -> None:
        self.key = key
        self._rows = rows
        self._clusterless = clusterless
        self._owners = [row.owner or key for row in rows]
        self._known: dict[Responder, Join] = {}
        self._placed: dict[Order, Sequence[Placed]] = {}
        self.services = tuple(dict.fromkeys((key, *self._owners)))
        """The service itself, then the others that its rows are of."""

    def find(self, target: Responder) -> Join:
        found = self._known.get(target)
        if found is None:
            found = self._known[target] = self._find(target)
        return found

    def placed(self, order: Order) -> Sequence[Placed]:
        """The service's targets in a sample of that order."""
        found = self._placed.get(order)
        if found is None:
            if len(self._placed) > 1:
                self._placed.clear()
            targets = ((at, order.targets[at]) for at in order.places(self.services))
            found = self._placed[order] = [self._place(at, target) for at, target in targets]
        return found

    def _place(self, at: int, target: Responder) -> Placed:
        join = self.find(target)
        alone = len(join.rows) == 1
        if not alone or join.beside:
            return at, -1, alone
        return at, join.rows[0], self.reached(target)

    def _find(self, target: Responder) -> Join:
        mine = [i for i, owner in enumerate(self._owners) if owner == target.service]
        if target.service != self.key and len(mine) == 1:
            return Join(tuple(mine))
        if target.version == UNTOLD:
            return Join(tuple(i for i in mine if self._rows[i].named) or tuple(mine))
        if target.nowhere:
            if target.service == self.key and NO_CLUSTER in target.flags.split(","):
                return self._without_cluster()
            return Join(self._at_address(target, mine) or self._refused(target, mine))
        rest = [i for i in range(len(self._rows)) if i not in mine] if mine or self._rows else []
        pods = self._pods(target, mine) or (
            self._pods(target, rest) if target.service == self.key else ()
        )
        if not pods:
            return Join(tuple(i for i in mine if self._rows[i].version == target.version))
        return self._sent(tuple(dict.fromkeys(i for i, _ in pods)))

    def reached(self, target: Responder) -> bool:
        """Whether its requests came to a pod, as far as that is known."""
        if not target.nowhere:
            return True
        at_address = any(self._rows[i].by_address for i in self.find(target).rows)
        return at_address and reached_a_pod(target.flags)

    def _at_address(self, target: Responder, mine: Iterable[int]) -> tuple[int, ...]:
        """Those that may have answered where the caller chose the address.

        Its proxy then has no endpoint to know who is there: only the other's proxy, if it has one,
        says so in its answer. A failed connection was to an address, too. Weights and subsets
        choose nobody there.
        """
        if not reached_a_pod(target.flags) and "UF" not in target.flags.split(","):
            return ()
        able = [i for i in mine if self._rows[i].by_address]
        return tuple(i for i in able if self._rows[i].pods) or tuple(able)

    def _pods(self, target: Responder, rows: Iterable[int]) -> _Found:
        """The pods that may have answered, each with its row."""
        several = [(i, pod) for i in rows for pod in self._rows[i].members]
        if target.workload:
            place = (target.namespace or target.service.namespace, target.workload)
            at_work = [(i, p) for i, p in several if (p.namespace, p.workload) == place]
            if at_work:
                return _closer(target, at_work)
        if target.revision not in ("", NO_REVISION):
            found = [(i, p) for i, p in several if revision_of(p) == target.revision]
            if found:
                return _closer(target, found)
        return [(i, p) for i, p in several if p.version == target.version]

    def _sent(self, rows: tuple[int, ...]) -> Join:
        """Of rows with a pod in common: those that a rule sends to, else those of fewest pods."""
        if len(rows) < 2:
            return Join(rows)
        chosen = tuple(i for i in rows if self._rows[i].named)
        if not chosen:
            fewest = min(self._rows[i].pods for i in rows)
            chosen = tuple(i for i in rows if self._rows[i].pods == fewest)
        return Join(chosen, tuple(i for i in rows if i not in chosen))

    def _without_cluster(self) -> Join:
        """The rows that callers have no cluster for; the host that was asked names none of them."""
        lost = self._clusterless()
        if lost.others:
            return Join((), lost.rows, "its requests are answered NC, which names no destination")
        return Join(lost.rows)

    def _refused(self, target: Responder, mine: Iterable[int]) -> tuple[int, ...]:
        """Whose cluster refused requests that reached no pod, where only one can have."""
        flags = target.flags.split(",")
        named = [i for i in mine if self._rows[i].named]
        if len(named) == 1 and self._rows[named[0]].percent and {"UH", "UO"} & set(flags):
            return (named[0],)
        active = [i for i in named if self._rows[i].percent != 0]
        able = [i for i in active if "UH" in flags and not self._rows[i].pods_ready]
        able += [i for i in active if "UO" in flags and self._rows[i].limited]
        if not able and "UH" in flags:
            able = self._back_lately(active)
        return (able[0],) if len(set(able)) == 1 else ()

    def _back_lately(self, active: Sequence[int]) -> list[int]:
        """Who had no ready pod a while ago, where all have: the one whose pods are all younger.

        A version that crashes is ready again in between, and what was refused meanwhile is still
        counted. Nobody where it may as well have been another: endpoints that were ejected are
        ready all the time, and pods of two rows that became ready together tell nothing.
        """
        if any(self._rows[i].ejects for i in active):
            return []
        since = {i: _ready_since(self._rows[i]) for i in active}
        known = sorted(((at, i) for i, at in since.items() if at is not None), reverse=True)
        if len(known) < len(active) or not known:
            return []
        alone = len(known) == 1 or known[0][0] - known[1][0] > TOGETHER_S
        return [known[0][1]] if alone else []


def _ready_since(row: VersionView) -> float | None:
    """Since when one of its pods at least is ready; None where that is not known."""
    stamps = [stamp(pod.ready_since) for pod in row.members if pod.serving]
    known = [at for at in stamps if at is not None]
    return min(known) if known and len(known) == len(stamps) else None


def _closer(target: Responder, pods: _Found) -> _Found:
    """By revision and version, where the pods of several rows have one workload."""
    if len({i for i, _ in pods}) > 1 and target.revision:
        pods = [(i, p) for i, p in pods if revision_of(p) == target.revision] or pods
    if len({i for i, _ in pods}) > 1:
        pods = [(i, p) for i, p in pods if p.version == target.version] or pods
    return pods


@dataclass(slots=True)
class Parts:
    """What was counted of one side: by row, of several rows together, and of none."""

    of: dict[int, list[Signals]] = field(default_factory=dict)
    reached: dict[int, float] = field(default_factory=dict)
    together: list[tuple[tuple[int, ...], Signals]] = field(default_factory=list)
    beside: dict[int, str] = field(default_factory=dict)
    strays: dict[str, list[Signals]] = field(default_factory=dict)

    def add(self, joins: Joins, counted: Counted) -> Parts:
        for target, signals in counted:
            join = joins.find(target)
            rows = join.rows
            if join.beside and signals.requests:
                self.beside.update(dict.fromkeys(join.beside, join.why))
            if len(rows) == 1:
                row = rows[0]
                reached = signals.requests if joins.reached(target) else 0.0
                if row in self.of:
                    self.of[row].append(signals)
                    self.reached[row] += reached
                else:
                    self.of[row], self.reached[row] = [signals], reached
            elif rows:
                self.together.append((rows, signals))
            else:
                self.strays.setdefault(target.version, []).append(signals)
        return self


def joined(joins: Joins, rows: Sequence[VersionView], called: Side, served: Side) -> list[RowWork]:
    """The rows with what either side counted, then what belongs to no single row."""
    return _each_apart(joins, rows, called, served) or _joined(
        joins, rows, called.counted(joins.services), served.counted(joins.services)
    )


def _each_apart(
    joins: Joins, rows: Sequence[VersionView], called: Side, served: Side
) -> list[RowWork] | None:
    """The same where all that was counted is of one row each, as nearly always; else None."""
    caller, server = _apart(joins, rows, called), _apart(joins, rows, served)
    if caller is None or server is None:
        return None
    found = [begun(row) for row in rows]
    for work, seen, reached, answered in zip(found, *caller, server[0], strict=True):
        if not work.unknown_because:
            work.caller, work.reached, work.server = seen, reached, answered
    return found


def _apart(
    joins: Joins, rows: Sequence[VersionView], side: Side
) -> tuple[list[Signals], list[float]] | None:
    """What was counted of each row, and how much of it reached a pod."""
    seen, reached = [NO_REQUESTS] * len(rows), [0.0] * len(rows)
    several: dict[int, list[Signals]] = {}
    every = side.signals
    for place, at, says in joins.placed(side.order):
        signals = every[place]
        requests = signals.requests
        if at < 0:
            if requests or says:
                return None
            continue
        if seen[at] is not NO_REQUESTS:
            several.setdefault(at, [seen[at]]).append(signals)
        elif not requests and signals.buckets:
            several[at] = [signals]
        seen[at] = signals
        if says:
            reached[at] += requests
    for at, parts in several.items():
        seen[at] = merged(parts)
    return seen, reached


def _joined(
    joins: Joins, rows: Sequence[VersionView], called: Counted, served: Counted
) -> list[RowWork]:
    caller, server = Parts().add(joins, called), Parts().add(joins, served)
    groups = _groups(caller, server)
    beside = caller.beside | server.beside
    measured = [begun(row) for row in rows]
    for i, work in enumerate(measured):
        if i in groups or i in beside:
            group = groups.get(i)
            work.unknown_because = _mixed_up(rows[i], rows, group) if group else beside[i]
        elif not work.unknown_because:
            work.caller, work.server = _merged(caller.of.get(i)), _merged(server.of.get(i))
            work.reached = caller.reached.get(i, 0.0)
    more = [*_shared_rows(rows, groups, caller, server)]
    for side in (caller, server):
        for i in beside.keys() & side.of.keys() - groups.keys():
            side.strays.setdefault(f"{rows[i].label} (in part)", []).extend(side.of[i])
    return [*measured, *map(begun, more), *map(begun, _strays(caller, server))]


def _merged(parts: Sequence[Signals] | None) -> Signals:
    return merged(parts) if parts else NO_REQUESTS


def _groups(*sides: Parts) -> Mapping[int, tuple[int, ...]]:
    """Rows that cannot be told apart, each with all that it is mixed up with."""
    found: dict[int, set[int]] = {}
    for side in sides:
        for rows, signals in side.together:
            if not signals.requests:
                continue
            group = set(rows).union(*(found.get(i, set()) for i in rows))
            for i in group:
                found[i] = group
    return {i: tuple(sorted(group)) for i, group in found.items()}


def _mixed_up(row: VersionView, rows: Sequence[VersionView], group: Iterable[int]) -> str:
    others = ", ".join(rows[i].label for i in group if rows[i] is not row)
    return f"telemetry can't tell it from {others}"


def _shared_rows(
    rows: Sequence[VersionView], groups: Mapping[int, tuple[int, ...]], caller: Parts, server: Parts
) -> Iterable[VersionView]:
    """For each group one row with what its rows have together."""
    for group in dict.fromkeys(groups.values()):
        called, served = (_together(side, group) for side in (caller, server))
        yield VersionView(
            version=" or ".join(rows[i].label for i in group),
            proxies=sum(rows[i].proxies for i in group),
            caller=_merged(called),
            server=_merged(served),
            reached=sum(caller.reached.get(i, 0.0) for i in group)
            + sum(s.requests for at, s in caller.together if at[0] in group),
        )


def _together(side: Parts, group: tuple[int, ...]) -> list[Signals]:
    own = [signals for i in group for signals in side.of.get(i, ())]
    return own + [signals for at, signals in side.together if at[0] in group]


def _strays(caller: Parts, server: Parts) -> Iterable[VersionView]:
    """Versions seen in telemetry that are no row: of pods that are gone, or of none."""
    for version, parts in sorted(caller.strays.items()):
        signals = merged(parts)
        if signals.requests > 0:
            yield VersionView(
                version=version,
                caller=signals,
                server=_merged(server.strays.get(version)),
                reached=signals.requests,
            )

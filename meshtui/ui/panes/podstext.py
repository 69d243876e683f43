"""A service's pods as they are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.diagnosis.proxy_sync import ProxyRow, row_lines
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.pod import NO_POD
from meshtui.mesh.pod_health import pod_trouble, readiness, restarts, rollouts
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.quantity import human_duration
from meshtui.operations.look.proxy_sync import MeshSync
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_middle, span, width_of, wrapped

PodPlace = tuple[str, str]
Rows = Mapping[PodPlace, ProxyRow]

TITLES = ("pod", "ready", "restarts", "age", "node", "sidecar", "config")
GAP = 2
LONGEST = 48
"""Cells of a pod's name, whose end tells it from the others, and of all else."""

_OTHERS = 24
INDENT = "  └ "


def pods_lines(
    pods: Sequence[Pod], mesh: Mesh, sync: MeshSync | None, now: float, width: int
) -> list[Line]:
    """A line for each pod, below it what is wrong with it; the rollouts come first, then the pods
    that do not serve: what is wrong is not to be looked for below a hundred that are well.

    `sync` None: the proxies are not read yet.
    """
    lines = [line for text in rollouts(pods, mesh) for line in wrapped(f"▲ {text}", width, "mark")]
    lines += [BLANK] if lines else []
    if not pods:
        return [*lines, (Span("no pod: its Service selects none", "muted"),)]
    known: Rows = {row.place: row for row in sync.rows} if sync else {}
    pods = sorted(pods, key=lambda pod: (pod.serving, bool(pod.deleting)))
    rows = [_cells(pod, known.get((pod.namespace, pod.name)), now) for pod in pods]
    widths = _widths([tuple(Span(title, "head") for title in TITLES), *rows], width)
    lines.append(_row(tuple(Span(title, "head") for title in TITLES), widths))
    for pod, cells in zip(pods, rows, strict=True):
        lines.append(_row(cells, widths))
        lines += _troubles(pod, known.get((pod.namespace, pod.name)), now, width)
    return [*lines, *_unsaid(sync, known, pods, width)]


def _unsaid(sync: MeshSync | None, known: Rows, pods: Sequence[Pod], width: int) -> list[Line]:
    """Why of some proxies it is not known how they stand with istiod."""
    shown = [known[place] for pod in pods if (place := (pod.namespace, pod.name)) in known]
    if sync is None or not sync.unsaid or all(row.in_sync is not None for row in shown):
        return []
    return [BLANK, *wrapped(sync.unsaid, width, "warning")]


def _cells(pod: Pod, proxy: ProxyRow | None, now: float) -> Line:
    made = stamp(pod.created)
    role = "text" if pod.serving else "warning" if pod.deleting else "failing"
    return (
        span(pod.name, role),
        Span(readiness(pod), role),
        Span("–", "muted") if pod.machine else _restarts(pod),
        Span("?" if made is None else human_duration(now - made), "text"),
        span(NO_POD if pod.machine else pod.node or "–", "muted"),
        *_proxy(pod, proxy),
    )


def _restarts(pod: Pod) -> Span:
    return Span(str(restarts(pod)), "warning" if restarts(pod) else "muted")


def _proxy(pod: Pod, proxy: ProxyRow | None) -> tuple[Span, Span]:
    if pod.machine:
        return Span("–", "muted"), Span("–", "muted")
    if not pod.sidecar:
        kind = "ztunnel" if pod.ambient else "none"
        return Span(kind, "muted" if pod.ambient else "warning"), Span("–", "muted")
    version = span(pod.proxy_version or "yes", "text")
    if proxy is None:
        return version, Span("…", "muted")
    return version, span(proxy.state, "ok" if proxy.in_sync else "warning")


def _troubles(pod: Pod, proxy: ProxyRow | None, now: float, width: int) -> list[Line]:
    found = pod_trouble(pod, now)
    lines = []
    if found is not None:
        lines += _below(found.words, width, "failing" if found.stuck else "warning")
    told = found.words if found is not None else ""
    for words in row_lines(proxy, now) if proxy is not None else ():
        if words != told:
            lines += _below(f"proxy: {words}", width, "muted")
    return lines


def _below(text: str, width: int, role: str) -> list[Line]:
    """What is said of the pod above it; its further lines begin below its first word."""
    first, *rest = wrapped(text, max(width - len(INDENT), 8), role)
    return [(Span(INDENT, role), *first), *((Span(" " * len(INDENT)), *line) for line in rest)]


def _widths(rows: Sequence[Line], width: int) -> list[int]:
    """As wide as the widest; what does not fit is taken from the nodes, as long as one still says
    something. Where that is not enough the nodes go, the names are cut, then the versions go:
    0 wide, and names get what that leaves."""
    found = [max(width_of((row[i],)) for row in rows) for i in range(len(TITLES))]
    found = [min(cells, LONGEST if not i else _OTHERS) for i, cells in enumerate(found)]
    name, over = found[0], sum(found) + GAP * (len(found) - 1) - width
    for place, least in ((4, 14), (0, 30), (4, 0), (0, 12), (5, 0), (0, 10)):
        cut = min(max(over, 0), max(found[place] - least, 0))
        if cut and not least:
            cut, over = found[place], over - GAP
        found[place] -= cut
        over -= cut
    found[0] = min(name, found[0] + max(-over, 0))
    return found


def _row(cells: Line, widths: Sequence[int]) -> Line:
    pieces: list[Span] = []
    for place, (cell, cells_wide) in enumerate(zip(cells, widths, strict=True)):
        if not cells_wide:
            continue
        pieces += [Span(" " * GAP)] if place else []
        if TITLES[place] in ("pod", "node"):
            text = fit_middle(cell.text, cells_wide)
        else:
            text = fit(cell.text, cells_wide, right=TITLES[place] == "restarts")
        pieces.append(Span(text, cell.role))
    return tuple(pieces)

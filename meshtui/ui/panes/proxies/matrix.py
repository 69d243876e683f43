"""Intent against actual in lines: a row for each client's proxy, a column for each rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.cells import cell_len

from meshtui.changes.outcome import NOT_MEANT
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh.carrying import Route
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Pod, Rule
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.text import clean
from meshtui.operations.proxies.matrix import (
    OUT_OF_REACH,
    Cell,
    Matrix,
    Row,
)
from meshtui.ui.panes.proxies.state import Key, key_of
from meshtui.ui.widgets.item_list import Picked
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_middle, span, width_of, wrapped

Rows = Mapping[Key, tuple[Row, float]]
"""By the pod's namespace and name: its row, and when it came."""

LOOKS = {
    IN_SYNC: ("✓", "in sync", "ok"),
    OLD: ("≠", "differs", "error"),
    ABSENT: ("∅", "no route", "warning"),
    NOT_MEANT: ("–", "not for it", "muted"),
    OUT_OF_REACH: ("✖", "out of reach", "error"),
}
"""Of each state a sign, a word, and its role."""

_NAME = (18, 60)
_WIDEST, _WORDY, _TERSE = 28, 12, 3
_AGE = 6


def owner_of(pod: Pod) -> str:
    """The identity of a row in the list."""
    return "/".join(key_of(pod))


def matrix_head(matrix: Matrix, width: int) -> Line:
    name, column = _layout(matrix, width)
    titles = "".join(fit_middle(_short(title, column), column) + " " for title in matrix.titles)
    return (Span(f"  {'CLIENT':<{name}} ", "head"), Span(titles, "head"), Span("  READ", "head"))


def _short(title: str, column: int) -> str:
    """`[1]` for `http[1]` where there is no room for more."""
    return title[title.find("[") :] if column < _WORDY and title.endswith("]") else title


def _layout(matrix: Matrix, width: int) -> tuple[int, int]:
    """Cells of the name and of each rule: its whole title where there is room for all of them,
    else words alone, else signs."""
    count = max(len(matrix.rules), 1)
    rest = width - 2 - 1 - _AGE
    longest = max((cell_len(_name(pod)) for pod in matrix.pods), default=0)
    title = max((cell_len(clean(title)) for title in matrix.titles), default=0)
    whole = max(_NAME[0], min(longest, _NAME[1]))
    widest = max(_WORDY, min(title, _WIDEST))
    for column, least in ((widest, whole), (_WORDY, _NAME[0]), (_TERSE, 0)):
        name = rest - count * (column + 1)
        if name >= least:
            break
    return max(_NAME[0], min(name, whole)), column


def _name(pod: Pod) -> str:
    return f"{'gateway ' if pod.gateway else ''}{clean(pod.name)}"


def summary(matrix: Matrix, rows: Rows) -> Line:
    """How many of the proxies do what is asked."""
    found = [rows[key_of(pod)][0] for pod in matrix.pods if key_of(pod) in rows]
    if not matrix.pods:
        return (Span("no proxy to ask", "muted"),)
    if len(found) < len(matrix.pods):
        return (Span(f"{len(found)} of {len(matrix.pods)} read", "muted"),)
    counts = {state: sum(row.state == state for row in found) for state in LOOKS}
    if counts[IN_SYNC] == len(found):
        return (Span(f"✓ {len(found)} in sync", "ok"),)
    parts: Line = ()
    for state, count in counts.items():
        sign, word, role = LOOKS[state]
        parts += (Span(f"{sign} {count} {word}  ", role),) if count else ()
    return parts


def matrix_lines(
    matrix: Matrix, rows: Rows, picked: str, now: float, width: int, search: str = ""
) -> list[Picked]:
    """The rows, then all about the one under the cursor."""
    pods = held_pods(matrix, search)
    if not pods:
        notice = "no client's name holds that" if matrix.pods else "no proxy is known to call it"
        return [Picked((Span(notice, "muted"),)), *map(Picked, _unread(matrix, width))]
    lines = [Picked(_row(matrix, pod, rows, now, width), owner_of(pod)) for pod in pods]
    chosen = next((pod for pod in pods if owner_of(pod) == picked), pods[0])
    row = rows.get(key_of(chosen))
    lines += [Picked(line) for line in _notes(matrix, width)]
    if row is not None:
        lines += [Picked(BLANK), *map(Picked, _detail(matrix, row[0], width))]
    return lines


def held_pods(matrix: Matrix, search: str) -> list[Pod]:
    """Those whose place holds the text; all without one."""
    wanted = search.lower()
    return [pod for pod in matrix.pods if wanted in "/".join(key_of(pod)).lower()]


def _row(matrix: Matrix, pod: Pod, rows: Rows, now: float, width: int) -> Line:
    name, column = _layout(matrix, width)
    row, at = rows.get(key_of(pod), (None, now))
    if row is None:
        return (Span("  "), Span(fit_middle(_name(pod), name)), Span(" reading…", "muted"))
    sign, _, role = LOOKS[row.state]
    head: Line = (Span(f"{sign} ", role), Span(fit_middle(_name(pod), name), "text"), Span(" "))
    room = (column + 1) * max(len(matrix.rules), 1)
    if row.trouble:
        return (
            *head,
            Span(fit(f"out of reach: {row.trouble}", room), "error"),
            _age(now - at),
        )
    cells = tuple(_cell_span(cell, column) for cell in row.cells)
    return (*head, *cells, Span(" " * (room if not cells else 0)), _age(now - at))


def _cell_span(cell: Cell, column: int) -> Span:
    sign, word, role = LOOKS[cell.state]
    text = f"{sign} {word}" if column >= _WORDY else sign
    return Span(fit(text, column) + " ", role)


def _age(seconds: float) -> Span:
    return Span(f"{human_duration(seconds):>{_AGE}}", "muted")


def _notes(matrix: Matrix, width: int) -> Iterator[Line]:
    if matrix.guessed:
        some = f"telemetry does not name {len(matrix.guessed)} of these as callers: they may call"
        none = "telemetry names no caller: every proxy that may call is here"
        notice = some if len(matrix.guessed) < len(matrix.pods) else none
        yield from wrapped(notice, width, "muted")
    if matrix.left_out:
        yield (Span(f"{matrix.left_out} more proxies are not asked", "muted"),)
    if not matrix.rules and not matrix.unread:
        yield from wrapped("no rule to compare with: its pods share the traffic", width, "muted")
    yield from _unread(matrix, width)


def _unread(matrix: Matrix, width: int) -> Iterator[Line]:
    for words in matrix.unread:
        yield from wrapped(f"▲ {words}", width, "warning")


def _detail(matrix: Matrix, row: Row, width: int) -> list[Line]:
    owners = ", ".join(f"{name}.{namespace}" for namespace, name in row.owners)
    lines: list[Line] = [(span(row.pod.name, "strong"),)]
    if owners:
        routes = Span("routes of ", "muted"), span(owners, "text")
        beside = (*lines[0], Span("  "), *routes)
        lines = [beside] if width_of(beside) <= width else [*lines, routes]
    if row.trouble:
        return [*lines, *wrapped(f"✖ {row.trouble}", width, "error")]
    if row.behind:
        lines += wrapped(f"✖ {row.behind}", width, "error")
    for route, title, cell in zip(matrix.rules, matrix.titles, row.cells, strict=True):
        lines += _rule(route, title, cell, width)
    return lines


def _rule(route: Route, title: str, cell: Cell, width: int) -> list[Line]:
    sign, word, role = LOOKS[cell.state]
    lines: list[Line] = [
        BLANK,
        (Span(f"{sign} {word:<12}", role), span(f"{title}  ", "key"),
         span(route.match_text, "muted")),
    ]  # fmt: skip
    if cell.state == NOT_MEANT:
        return lines
    namespace = route.service.ref.namespace
    lines += _text_lines("asked", asked_words(route.rule, namespace), width)
    for words in dict.fromkeys(done_words(r, route.rule, namespace) for r in cell.served):
        lines += _text_lines("does", words, width)
    for difference in cell.differences:
        lines += wrapped(f"≠ {difference}", width, "warning", "         ")
    for note in cell.notes:
        lines += wrapped(f"! {note}", width, "warning", "         ")
    return lines


def _text_lines(label: str, words: str, width: int) -> list[Line]:
    first, *rest = wrapped(words, width - 9, "text")
    indent = Span(" " * 9)
    return [(Span(f"   {label:<6}", "muted"), *first), *((indent, *line) for line in rest)]


def asked_words(rule: Rule, namespace: str) -> str:
    """What a rule asks for, in a line."""
    if rule.terminal:
        return rule.terminal
    parts = [
        f"{d.subset or short_host(d.host, namespace)} {rule.percent(d):.4g}%"
        for d in rule.destinations
        if d.weight or len(rule.destinations) == 1
    ]
    parts += [
        f"mirror {m.subset or short_host(m.host, namespace)} {m.percent:g}%" for m in rule.mirrors
    ]
    if rule.fault is not None and rule.fault.active:
        parts.append(f"fault {rule.fault}")
    if rule.timeout_s:
        parts.append(f"timeout {rule.timeout_s:g}s")
    if rule.retries is not None:
        parts.append(f"retries {rule.retries}")
    return " · ".join(parts) or "nothing"


def done_words(route: ProxyRoute, rule: Rule, namespace: str) -> str:
    """What a proxy's route does, in the same words. Retries only where the rule speaks of them."""
    if route.terminal:
        return route.answer or route.terminal
    total = route.total_weight or 1
    single = len(route.destinations) == 1
    parts = [
        f"{d.subset or short_host(d.host, namespace) or d.cluster} "
        f"{100 if single else 100 * d.weight / total:.4g}%"
        for d in route.destinations
    ]
    parts += [
        f"mirror {m.subset or short_host(m.host, namespace) or m.cluster} {m.percent:g}%"
        for m in route.mirrors
    ]
    if route.fault is not None and route.fault.active:
        parts.append(f"fault {route.fault}")
    if route.timeout_s:
        parts.append(f"timeout {route.timeout_s:g}s")
    if rule.retries is not None:
        parts.append(f"retries {route.retries or 'none'}")
    return " · ".join(parts) or "nothing"

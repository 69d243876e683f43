"""A trace as it is read: the objects' answer and the proxies' own, in columns. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from meshtui.mesh.ambient import CLASS_NAME, WAYPOINT_CLASS
from meshtui.mesh.codes import failed
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import effect_lines
from meshtui.mesh.quantity import number_of
from meshtui.mesh.request import Request
from meshtui.mesh.text import clean
from meshtui.operations.look.trace import ProxyTrace, Traced
from meshtui.operations.request.ask import Asked
from meshtui.operations.request.words import request_line, request_rows
from meshtui.ui.widgets.paint import BLANK, GLUE, LIMIT, Line, Span, fit, jointed, span, wrapped

LABEL = 9
GAP = 2
Rows = tuple[tuple[str, str], ...]

STATES = {
    "agrees": ("●", "ok"),
    "DIFFERS": ("✖", "error"),
    "not decided": ("?", "unknown"),
    "out of reach": ("✖", "warning"),
}


def state_of(seen: ProxyTrace) -> str:
    """What there is to say of a proxy, in words."""
    if seen.trouble:
        return "out of reach"
    return {True: "agrees", False: "DIFFERS", None: "not decided"}[seen.agrees]


def summary(traced: Traced) -> Line:
    """How many of the proxies do what the objects say."""
    states = [state_of(seen) for seen in traced.seen if seen.pod is not None]
    if not states:
        return (Span("no proxy asked", "muted"),)
    if set(states) == {"agrees"}:
        return (Span(f"● {number_of(len(states), 'proxy', 'proxies')}, as the objects say", "ok"),)
    pieces: list[Span] = []
    for state, (sign, role) in STATES.items():
        if state in states:
            pieces += [Span("  ")] if pieces else []
            pieces.append(Span(f"{sign} {states.count(state)} {state}", role))
    return tuple(pieces)


def sent_lines(asked: Asked, width: int) -> list[Line]:
    """What came of a request that was sent, each part behind its label."""
    lines = _broken(f"sent  {request_line(asked)}", width, "strong")
    for label, text in request_rows(asked):
        room = max(width - LABEL - GAP, 10)
        rows = textwrap.wrap(jointed(clean(text), room), room, break_on_hyphens=False) or [""]
        for place, row in enumerate(rows):
            head = Span(f"{'' if place else label:<{LABEL + GAP}}", "muted")
            lines.append((head, Span(row, _sent_role(asked, label))))
    return lines


def _sent_role(asked: Asked, label: str) -> str:
    code = asked.sent.answer.code
    if label == "answer":
        return "error" if failed(code) else "warning" if code >= 400 else "ok"
    return "error" if label == "foretold" and asked.agrees is False else "text"


def trace_lines(traced: Traced, width: int, said: str = "") -> list[Line]:
    """Callers that are to do the same share one picture of the objects.

    `said` is the line of a request that stands above: it is not said again.
    """
    groups: dict[tuple[Request, Decision], list[ProxyTrace]] = {}
    for seen in traced.seen:
        groups.setdefault((seen.request, seen.intent), []).append(seen)
    lines: list[Line] = []
    for (request, intent), found in sorted(groups.items(), key=_wanted_first):
        if _target(request) != said or request.headers:
            lines += [*_request(request, width), BLANK]
        lines += _outcomes(intent, found, width)
        lines += _above("tried before it, by the objects", intent.above, width)
    return [*lines, *_notes(traced, width)]


def _wanted_first(group: tuple[tuple[Request, Decision], list[ProxyTrace]]) -> tuple[int, bool]:
    """The worst, then those where a rule takes the request."""
    (_, intent), found = group
    return min(map(_badness, found)), intent.taken is None


def _badness(seen: ProxyTrace) -> int:
    order = ("DIFFERS", "not decided", "out of reach", "agrees")
    return order.index(state_of(seen))


def _target(request: Request) -> str:
    return f"{request.method} {request.scheme}://{request.authority}{request.path}"


def _request(request: Request, width: int) -> list[Line]:
    lines = _broken(_target(request), width, "strong")
    for name, value in request.headers:
        lines += _broken(f"{name}: {value}", width, "text", "  ")
    return lines


def _above(title: str, tried: Iterable[Tried], width: int) -> list[Line]:
    """The rules that stand before, and why each did not take the request."""
    lines: list[Line] = []
    for one in tried:
        mark, role = ("not  ", "muted") if one.holds is False else ("maybe", "warning")
        lines += [(Span(f"  {mark} ", role), span(str(one), "text"))]
        lines += wrapped(one.why or one.match, width, "muted", " " * 8)
    return [(Span(title, "head"),), *lines, BLANK] if lines else []


def _outcomes(intent: Decision, found: Sequence[ProxyTrace], width: int) -> list[Line]:
    """The objects beside what the proxies do, once for each different answer of theirs."""
    alike: dict[Rows, list[ProxyTrace]] = {}
    for seen in found:
        if seen.actual is not None:
            alike.setdefault(_rows(seen.actual), []).append(seen)
    asked = _rows(intent)
    lines: list[Line] = [] if alike else [*_columns(asked, None, "", width), BLANK]
    for rows, same in sorted(alike.items(), key=lambda pair: min(map(_badness, pair[1]))):
        lines += [*_columns(asked, rows, _whose(same), width), BLANK]
        lines += [*_proxies(same, width), BLANK]
        if same[0].actual and same[0].agrees is not True:
            lines += _above("tried before it, by the proxy", same[0].actual.above, width)
    silent = [seen for seen in found if seen.actual is None and seen.pod is not None]
    return [*lines, *_proxies(silent, width), *([BLANK] if silent else [])]


def _rows(decision: Decision) -> Rows:
    taken = decision.taken
    rows = [("rule", str(taken) if taken else "none")]
    if taken is not None:
        rows[0] = ("rule" if decision.sure else "or else", str(taken))
        rows += [("match", taken.match)] if taken.match else []
        rows += effect_lines(decision.effects)
    return (*rows, *(("note", note) for note in decision.notes))


def _whose(same: Sequence[ProxyTrace]) -> str:
    pods = [seen.pod for seen in same if seen.pod is not None]
    one, many = ("proxy", "proxies")
    if len(pods) == len(same) and all(pod.gateway for pod in pods):
        waypoints = all(pod.labels.get(CLASS_NAME) == WAYPOINT_CLASS for pod in pods)
        one, many = ("waypoint", "waypoints") if waypoints else ("gateway", "gateways")
    return f"in {number_of(len(same), one, many)}"


def _columns(left: Rows, right: Rows | None, title: str, width: int) -> list[Line]:
    """Label, objects, proxies; without proxies the objects have the room."""
    columns = 1 if right is None else 2
    room = max((width - LABEL - GAP * (columns - 1)) // columns, 12)
    lines = [_row("", "by the objects", title, room, "head")]
    for label in dict.fromkeys(label for label, _ in (*left, *(right or ()))):
        cells = zip_longest(_cell(left, label, room), _cell(right or (), label, room), fillvalue="")
        for at, (mine, its) in enumerate(cells):
            lines.append(_row("" if at else label, mine, its, room, "text"))
    return lines


def _row(label: str, left: str, right: str, room: int, role: str) -> Line:
    line = Span(fit(label, LABEL), "muted"), Span(fit(left, room), role)
    return (*line, Span(" " * GAP), Span(right, role)) if right else line


def _cell(rows: Rows, label: str, room: int) -> list[str]:
    """What stands under a label, broken to the column; long lists break behind their commas."""
    texts = [clean(text, LIMIT) for name, text in rows if name == label]
    return [part for text in texts for part in _lines_of(_loosened(text), room)]


def _lines_of(text: str, room: int) -> list[str]:
    """Neither a name is parted at its hyphens nor a version from its weight."""
    kept = PART.sub(GLUE, jointed(text, room))
    return [line.replace(GLUE, " ") for line in textwrap.wrap(kept, room, break_on_hyphens=False)]


PART = re.compile(r" (?=\d+(?:\.\d+)?%)")


def _loosened(text: str) -> str:
    """A list without spaces gets some, so that it can be broken."""
    return " ".join(w.replace(",", ", ") if w.count(",") > 1 else w for w in text.split(" "))


def _proxies(found: Sequence[ProxyTrace], width: int) -> list[Line]:
    lines: list[Line] = []
    for seen in found:
        state = state_of(seen)
        sign, role = STATES[state]
        pod = seen.pod
        name = f"{pod.name}.{pod.namespace}" if pod else ""
        lines.append((Span(f"{sign} {state}  ", role), span(name, "text")))
        for text in (*seen.differences, *([seen.trouble] if seen.trouble else [])):
            lines += wrapped(text, width, role, "    ")
    return lines


def _notes(traced: Traced, width: int) -> list[Line]:
    lines: list[Line] = []
    if all(seen.pod is None for seen in traced.seen):
        text = "no proxy was asked: none is known to call the service"
        lines += wrapped(text, width, "muted")
    elif not traced.known:
        text = "telemetry names no caller: every proxy that may call was asked"
        lines += wrapped(text, width, "muted")
    if traced.left_out:
        lines += wrapped(f"{traced.left_out} more proxies were not asked", width, "muted")
    for text in traced.unread:
        lines += wrapped(f"▲ {text}", width, "warning")
    return lines


def _broken(text: str, width: int, role: str, indent: str = "") -> list[Line]:
    """A long path is broken anywhere: all of it counts."""
    parts = textwrap.wrap(
        clean(text, LIMIT), max(width - len(indent), 8), break_on_hyphens=False
    ) or [""]
    return [(Span(indent + part, role),) for part in parts]

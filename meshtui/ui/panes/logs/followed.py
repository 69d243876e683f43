"""A request's hops as a tree with times. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.hops import AppLine, Hop, LoggedHop
from meshtui.envoy.logview import code_role
from meshtui.mesh.quantity import number_of
from meshtui.operations.request.follow import FollowedRequest
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_line, fit_middle, span, wrapped

TIMES = 20
"""Cells for when a hop began and how long it took."""

DEEPEST = 12
"""Levels that are indented."""


def followed_lines(found: FollowedRequest, width: int) -> list[Line]:
    """What the request did, the first hop first."""
    lines = [fit_line((Span("request ", "muted"), span(found.request_id, "strong")), width), BLANK]
    begin = min((hop.begin for hop in found.hops if hop.begin), default=0.0)
    for hop in found.hops:
        lines += _hop(hop, begin, (), width)
    if not found.hops:
        words = "no line of it was found: proxies write their logs out seconds later"
        lines += wrapped(words, width, "muted")
    lines += [BLANK, (Span(_summary(found), "muted"),)]
    for trouble in found.troubles:
        lines += wrapped(f"▲ {trouble}", width, "warning")
    return [fit_line(line, width) for line in lines]


def _summary(found: FollowedRequest) -> str:
    hops = sum(1 for hop in found.hops for _ in _all(hop))
    left_out = number_of(found.left_out, "more pod was", "more pods were")
    more = f", {left_out} not read" if found.left_out else ""
    pods = number_of(len(found.read), "pod was", "pods were")
    return f"{number_of(hops, 'hop')}, the logs of {pods} read{more}"


def _all(hop: Hop) -> Iterator[Hop]:
    yield hop
    for one in hop.caused:
        yield from _all(one)


def _hop(hop: Hop, begin: float, above: tuple[bool, ...], width: int) -> list[Line]:
    """Its line, its program's lines, and below it what it caused. `above`: per level, whether
    more hops follow there."""
    head = (_times(hop, begin), Span(_branches(above), "faint"))
    lines: list[Line] = [(*head, *_words(hop, width))]
    inner = Span(f"{'':{TIMES}}{_stems(above, bool(hop.caused))}", "faint")
    lines += [_app_line(line, inner, begin) for line in hop.lines]
    for number, one in enumerate(hop.caused):
        lines += _hop(one, begin, (*above, number < len(hop.caused) - 1), width)
    return lines


def _branches(above: tuple[bool, ...]) -> str:
    """`│ ├ ` in front of a hop."""
    if not above:
        return ""
    return _stems(above[:-1][-DEEPEST:]) + ("├ " if above[-1] else "└ ")


def _stems(above: tuple[bool, ...], more: bool = False) -> str:
    """`│   ` in front of what belongs to a hop; `more`: it has caused others."""
    return "".join("│ " if follows else "  " for follows in above[-DEEPEST:]) + "│ " * more


def _times(hop: Hop, begin: float) -> Span:
    """When it began, after the first, and how long its caller waited."""
    offset = f"+{1000 * max(hop.begin - begin, 0):.0f} ms" if hop.begin else "?"
    took = hop.record.duration_ms
    duration = "?" if took is None else f"{took:,} ms"
    return Span(f"{fit(offset, 9, right=True)} {fit(duration, 8, right=True)}  ", "muted")


def _words(hop: Hop, width: int) -> Line:
    """`productpage-v1 → reviews-v3  GET /reviews/0 503 UF`."""
    record = hop.record
    name = max(min(width // 5, 28), 8)
    sender = fit_middle(_name(hop.sent), name).rstrip() if hop.sent else "(not logged)"
    server = _name(hop.received) if hop.received else record.upstream_host or "nobody"
    pieces = [
        span(sender, "text" if hop.sent else "unknown"),
        Span(" → ", "muted"),
        span(fit_middle(server, name).rstrip(), "text" if hop.received else "unknown"),
        span(f"  {record.method} {record.path} ", "muted"),
        Span(str(record.code or "no response"), code_role(record.code)),
        *(span(f" {flag}", "warning") for flag in record.flags),
    ]
    if hop.sent and hop.received and hop.received.record.duration_ms is not None:
        own = hop.received.record
        pieces.append(Span(f"  server {own.duration_ms:,} ms", "muted"))
        if own.code != record.code:
            pieces.append(Span(f" answered {own.code}", "warning"))
    return tuple(pieces)


def _name(logged: LoggedHop | None) -> str:
    return (logged.pod.workload or logged.pod.name) if logged else ""


def _app_line(line: AppLine, inner: Span, begin: float) -> Line:
    offset = f"+{1000 * max(line.at - begin, 0):.0f} ms " if line.at and begin else ""
    return (
        inner,
        span(f"{line.container}: ", "mark"),
        Span(offset, "muted"),
        span(line.text, "text"),
    )

"""Ways in and rate limits as they are read. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.diagnosis.limit_words import (
    NO_WAY,
    api_route_words,
    asked_words,
    effect_words,
    limit_words,
    not_read_words,
    of_what,
    pods_words,
    rate_words,
    refused_words,
    rejected_rate,
    round_about,
    silent_words,
    tls_words,
)
from meshtui.mesh.exposure import Door, Lead
from meshtui.mesh.model import Ref
from meshtui.mesh.ratelimits import RateLimit
from meshtui.mesh.service_limits import Exposed, Limiting
from meshtui.mesh.text import clean, some_of
from meshtui.operations.look.exposure import Tally
from meshtui.ui.widgets.paint import (
    BLANK,
    GLUE,
    LIMIT,
    UNIT,
    Line,
    Span,
    span,
    width_of,
    wrapped,
)

LABEL = 10
MOST = 50
"""Doors and limits written out."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the proxies of a limit say: their counters, and how many a second since before."""

    tally: Tally
    rps: float | None = None


def exposure_lines(
    found: Exposed, readings: Mapping[int, Reading], width: int, *, asked: bool
) -> list[Line]:
    """`told` holds the counters by the place of the limit; `asked`: they are on their way."""
    lines = [*_doors_lines(found, width), BLANK, *_limits(found, readings, width, asked=asked)]
    if found.unread:
        text = f"not read everywhere: {', '.join(found.unread)}; there may be more"
        lines += [BLANK, *wrapped(text, width, "muted")]
    return lines


def summary(found: Exposed) -> Line:
    """`3.1/s refused · 2 ways in · 1 limit`: a narrow title loses its end."""
    acting = sum(one.limit.limits for one in found.limits)
    words = f"{_number(len(found.doors), 'way')} in · {_number(acting, 'limit')}"
    rate = rejected_rate(found)
    refused = (Span(f"{rate_words(rate)} refused", "warning"), Span(" · ", "muted")) if rate else ()
    return (*refused, Span(words, "muted"))


def _number(count: int, noun: str) -> str:
    if not count:
        return f"no {noun}"
    return f"{count} {noun}{'s' * (count > 1)}"


def _doors_lines(found: Exposed, width: int) -> list[Line]:
    lines: list[Line] = [(Span("ways in from outside", "head"),)]
    for door in sorted(found.doors, key=lambda door: door.redirect)[:MOST]:
        lines += [BLANK, *_door(door, width)]
    more = len(found.doors) - MOST
    if more > 0:
        lines += [BLANK, *wrapped(f"{more:,} more: meshtui exposure lists them", width, "muted")]
    if not found.doors:
        lines += [
            BLANK,
            *wrapped(NO_WAY, width, "text"),
            *wrapped(not_read_words(found.routes_known), width, "muted"),
        ]
    for route in found.routes:
        lines += [BLANK, *wrapped(api_route_words(route), width, "text")]
    past = round_about(found.service)
    if past:
        lines += [BLANK, *wrapped(f"▲ {past}", width, "warning")]
    return [*lines, *_through_callers(found, width)]


def _through_callers(found: Exposed, width: int) -> list[Line]:
    """Whoever calls it and can be reached is how outside traffic gets here at all."""
    lines: list[Line] = []
    for key, doors in found.callers[:MOST]:
        hosts = dict.fromkeys(f"{host}:{door.port}" for door in doors for host in door.hosts)
        text = f"{key.name} calls it, and is reached at {some_of([*hosts], 3)}"
        lines += wrapped(text, width, "text")
    return [BLANK, *lines] if lines else []


def _door(door: Door, width: int) -> list[Line]:
    role = "muted" if door.redirect else "strong"
    at = clean(f"{door.protocol[:16]} {door.port}  ")
    lines = _behind(Span(f"→ {at}", role), door.hosts[0], width, "text")
    for host in door.hosts[1:MOST]:
        lines += _behind(Span(" " * (len(at) + 2)), host, width, "text")
    lines += _field("tls", tls_words(door), width, "text")
    listener = f", listener {door.listener}" if door.listener else ""
    lines += _field("Gateway", f"{_name(door.gateway)}{listener}", width)
    if door.pods:
        lines += _field("served by", pods_words(door.pods), width)
    else:
        lines += _field("served by", "✖ no pod: the Gateway's selector finds none", width, "error")
    for trouble in door.troubles[:MOST]:
        role = "muted" if trouble.addressless else "warning"
        lines += _field(
            "status", f"{'' if trouble.addressless else '▲ '}{trouble.words}", width, role
        )
    for front in door.fronts:
        text = f"Service {front.key}, {front.type or 'type not known'}"
        lines += _field("behind", text, width, "muted")
    if door.rules_of:
        kind = "" if door.rules_of.kind == "VirtualService" else f"{door.rules_of.kind} "
        lines += _field("rules of", f"{kind}{_name(door.rules_of)}", width)
    for lead in door.leads[:MOST]:
        lines += _field("", _lead(lead), width, "muted")
    for noun, number in (("hosts", len(door.hosts)), ("rules", len(door.leads))):
        if number > MOST:
            lines += _field("", f"and {number - MOST:,} more {noun}", width, "muted")
    return lines


def _lead(lead: Lead) -> str:
    share = f"{lead.percent:g} % of " if lead.percent is not None else ""
    return f"{lead.rule}: {share}{lead.match}"


def _limits(
    found: Exposed, readings: Mapping[int, Reading], width: int, *, asked: bool
) -> list[Line]:
    refused = refused_words(found)
    lines: list[Line] = [(Span("what limits it", "head"),)]
    if refused:
        role = "warning" if rejected_rate(found) else "muted"
        lines += wrapped(refused, width, role)
    if not found.limits:
        none = "no EnvoyFilter with a rate limit is on the way to it"
        lines += [BLANK, *wrapped(none, width, "text")]
    for place, one in enumerate(found.limits[:MOST]):
        lines += [BLANK, *_limit(one, readings.get(place), width, asked=asked)]
    lines += _others("limits that reach no proxy", "▲", found.idle, width)
    lines += _others("limits by targetRefs, not known for whom", "?", found.unknown, width)
    return lines


def _limit(one: Limiting, readings: Reading | None, width: int, *, asked: bool) -> list[Line]:
    limit = one.limit
    role = "strong" if limit.limits else "muted"
    lines = _behind(Span("■ " if limit.limits else "□ ", role), limit_words(limit), width, role)
    lines += _field("where", f"{one.place}, {limit.scope}", width, "text")
    lines += _field("by", f"EnvoyFilter {_name(limit.ref)}", width)
    lines += _field("reaches", pods_words(one.pods), width)
    lines += _field("so that", effect_words(limit), width, "muted" if limit.limits else "warning")
    return [*lines, *_counted(one, readings, width, asked=asked)] if limit.limits else lines


def _counted(one: Limiting, readings: Reading | None, width: int, *, asked: bool) -> list[Line]:
    if readings is None:
        return _field("counted", "asking the proxies…" if asked else "", width, "muted")
    tally, lines = readings.tally, []
    if tally.refused is not None:
        now = f", {rate_words(readings.rps)} now" if readings.rps is not None else ""
        text = f"{tally.refused:,} refused since the proxies started{now}{of_what(one)}"
        lines += _field("counted", text, width, "warning" if readings.rps else "text")
    if tally.silent:
        text = silent_words(one.limit, tally.silent)
        lines += _field("" if lines else "counted", text, width, "muted")
    if tally.unanswered:
        text = f"▲ {tally.unanswered:,} questions were not answered"
        lines += _field("", text, width, "warning")
    if tally.unasked:
        text = asked_words(tally.asked, tally.unasked)
        lines += _field("" if lines else "counted", text, width, "muted")
    for trouble in tally.troubles[:2]:
        lines += _field("" if lines else "counted", f"✖ {trouble}", width, "warning")
    return lines


def _others(title: str, sign: str, limits: Sequence[RateLimit], width: int) -> list[Line]:
    if not limits:
        return []
    lines: list[Line] = [BLANK, (Span(title, "head"),), BLANK]
    for limit in limits[:MOST]:
        lines.append((Span(f"{sign} ", "warning"), span(_name(limit.ref), "text")))
        lines += wrapped(f"{limit_words(limit)}; {limit.path}", width, "muted", "  ")
    return lines


def _name(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}"


def _field(label: str, text: str, width: int, role: str = "text") -> list[Line]:
    """A label and its text, whose further lines stand below the first."""
    return _behind(Span(f"  {label:<{LABEL}}", "muted"), text, width, role)


def _behind(head: Span, text: str, width: int, role: str) -> list[Line]:
    """A text behind its head; words that are longer than the room are broken."""
    indent = width_of((head,))
    kept = UNIT.sub(GLUE, clean(text, LIMIT))
    parts = textwrap.wrap(kept, max(width - indent, 8), break_on_hyphens=False)
    return [
        (head if at == 0 else Span(" " * indent), Span(part.replace(GLUE, " "), role))
        for at, part in enumerate(parts)
    ]

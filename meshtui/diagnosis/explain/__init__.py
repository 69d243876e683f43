"""What the flags, codes and statuses of a service mean here, and what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain import access, faults, on_the_way, pods, rules
from meshtui.diagnosis.explain import responses as answers
from meshtui.diagnosis.explain.edge import is_gateway
from meshtui.diagnosis.explain.logged import logged_sentence
from meshtui.diagnosis.explain.pods import Words
from meshtui.diagnosis.explain.scope import VersionScope, pods_in
from meshtui.diagnosis.explain.steps import Step, Steps, lines_of
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.signals import Signals
from meshtui.mesh.text import clean

FLAG, HTTP, GRPC = "flag", "http", "grpc"
MOST = 24
"""Explanations of one service. A source may name thousands of codes."""

LONGEST = 40
"""Characters of a code or flag that are kept: telemetry may hold anything."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one flag, code or status means here.

    `rps` is per second and `share` (0 to 1) of the requests of `labels`, both as `side` counts
    them; `sentences` say what it is, `next` what to do.
    """

    kind: str
    code: str
    name: str
    labels: tuple[str, ...]
    side: str
    rps: float
    share: float
    sentences: tuple[str, ...]
    next: Steps


INJECTED = ("FI", "DI")
"""Flags of what somebody put in on purpose."""

OWN, FLAGGED, NO_ERROR, ON_PURPOSE = range(4)

FEW = 0.1
"""Part of the most frequent below which a version's own errors are not the first thing to see."""

_BY_FLAG: Mapping[str, Callable[[VersionScope, str], Words]] = {
    "UO": lambda scope, _: pods.overflow(scope),
    "UF": pods.unconnected,
    "UH": lambda scope, _: pods.unhealthy(scope),
    "UC": lambda scope, _: pods.hung_up(scope),
    "NR": rules.no_route,
    "NC": lambda scope, _: rules.no_cluster(scope),
    "UT": lambda scope, _: rules.timed_out(scope),
    "URX": lambda scope, side: (
        pods.unconnected(scope, side) if side == SERVER else rules.retried(scope)
    ),
    "FI": lambda scope, _: faults.aborted(scope),
    "DI": lambda scope, _: faults.delayed(scope),
    "RL": rules.limited,
    "DC": rules.gave_up,
    "DR": rules.gave_up,
}

_BY_SERVER = ("UF", "URX", "UC", "NR", "RL", "DC", "DR")
"""Flags that have an explanation of their own on the server's side."""

_OF_EACH_SIDE = ("UF", "URX", "NR", "RL")
"""Flags that mean something else on either side: one does not tell the other."""


def explanations(scopes: Iterable[VersionScope]) -> tuple[Explanation, ...]:
    """Those of all scopes, what is worst for callers first; what reads alike stands once."""
    scopes = tuple(scopes)
    found = [one for scope in scopes for one in _of_scope(scope)]
    joined: dict[tuple[object, ...], Explanation] = {}
    for one in found:
        place = (one.kind, one.code, one.side, one.sentences, one.next)
        joined[place] = _joined(joined[place], one) if place in joined else one
    return tuple(_with_log(one, scopes) for one in _worst_first(joined.values())[:MOST])


def _worst_first(found: Collection[Explanation]) -> tuple[Explanation, ...]:
    """The version's own errors, then what proxies answered, 4xx, and what was put in on purpose.

    Of each the most frequent first. Few errors of its own don't hide many that it did not make.
    """
    kinds = {one: _kind(one) for one in found}
    worst = max((one.rps for one in found if kinds[one] in (OWN, FLAGGED)), default=0.0)

    def place(one: Explanation) -> tuple[int, float, str, str]:
        kind = kinds[one]
        few = kind == OWN and one.rps < FEW * worst
        return FLAGGED if few else kind, -one.rps, one.kind, one.code

    return tuple(sorted(found, key=place))


def _kind(one: Explanation) -> int:
    if one.kind == FLAG:
        return ON_PURPOSE if one.code in INJECTED else FLAGGED
    return OWN if one.kind == GRPC or answers.failing(one.code) else NO_ERROR


def _joined(one: Explanation, other: Explanation) -> Explanation:
    """The same words for several versions; the share is of all their requests."""
    requests = sum(e.rps / e.share for e in (one, other) if e.share)
    rps = one.rps + other.rps
    share = rps / requests if requests else 0.0
    return replace(one, labels=(*one.labels, *other.labels), rps=rps, share=share)


def _of_scope(scope: VersionScope) -> list[Explanation]:
    """Of a gateway what it denies itself: what it sends on is explained at the services behind."""
    caller, server = scope.caller, scope.server
    found: list[Explanation] = []
    if is_gateway(scope.mesh, scope.view.service):
        for code, number, sentences, steps in on_the_way.turned_away(scope, pods_in(scope)):
            if caller is None:
                break
            name = answers.name_of_code(code)
            found.append(_made(HTTP, code, name, scope, caller, CALLER, number, sentences, steps))
        return found
    if caller is not None:
        found += _flags(scope, caller, CALLER, ())
        found += _answers(scope, caller, CALLER)
    if server is not None:
        found += _flags(scope, server, SERVER, caller.flags if caller else ())
        if caller is None or caller.requests <= 0:
            found += _answers(scope, server, SERVER)
    return found


def _flags(
    scope: VersionScope, signals: Signals, side: str, explained: Iterable[str]
) -> Iterable[Explanation]:
    """Those that the other side has not told already."""
    known = set(explained)
    for flag, number in _first(signals.flags):
        if number > 0 and flag != "-" and (flag not in known or flag in _OF_EACH_SIDE):
            sentences, steps = _about(scope, flag, side)
            name = FLAGS[flag].name if flag in FLAGS else "a flag that meshtui does not know"
            yield _made(FLAG, flag, name, scope, signals, side, number, sentences, steps)


def _about(scope: VersionScope, flag: str, side: str) -> Words:
    special = _BY_FLAG.get(flag)
    if special is not None and (side == CALLER or flag in _BY_SERVER):
        return special(scope, side)
    known = FLAGS.get(flag)
    if known is None:
        return ["Envoy's documentation of RESPONSE_FLAGS says what it is."], (
            Step("logs", "its log lines"),
        )
    where = pods.at_caller(scope, flag) if side == CALLER else lines_of(f"flag:{flag}")
    if flag == "UAEX":
        return access.external(scope, known.meaning, where)
    return [known.meaning, f"Look at {known.check}."], (where,)


def _answers(scope: VersionScope, signals: Signals, side: str) -> Iterable[Explanation]:
    each = signals.rps / signals.requests if signals.requests else 0.0
    codes, statuses = answers.unflagged(scope, signals)
    for code, number in _first(codes):
        sentences, steps = answers.about_code(scope, code, number * each)
        name = answers.name_of_code(code)
        yield _made(HTTP, code, name, scope, signals, side, number, sentences, steps)
    for status, number in _first(statuses):
        sentences, steps = answers.about_status(scope, status, number * each)
        name = answers.name_of_status(status)
        yield _made(GRPC, status, name, scope, signals, side, number, sentences, steps)


def _with_log(one: Explanation, scopes: Iterable[VersionScope]) -> Explanation:
    """With what logs say of it, of all its versions together.

    Of a code the server's own log says why, the callers' only that an answer came.
    """
    about = [scope for scope in scopes if scope.label in one.labels]
    sides = [one.side] if one.kind == FLAG else [SERVER, one.side]
    for side in sides if one.kind in (FLAG, HTTP) else ():
        sentence = logged_sentence(about, side, one.kind == FLAG, one.code)
        if sentence:
            return replace(one, sentences=(*one.sentences, sentence))
    return one


def _first(counts: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST]


def _made(
    kind: str,
    code: str,
    name: str,
    scope: VersionScope,
    signals: Signals,
    side: str,
    number: float,
    sentences: list[str],
    steps: Steps,
) -> Explanation:
    share = number / signals.requests if signals.requests else 0.0
    return Explanation(
        kind, clean(code, LONGEST), name, (scope.label,), side, signals.rps * share, share,
        tuple(sentences), steps,
    )  # fmt: skip

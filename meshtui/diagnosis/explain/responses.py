"""Codes and gRPC statuses that no proxy made up: what the version itself answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtui.diagnosis.explain import access
from meshtui.diagnosis.explain.copies import INCLUDED, copies
from meshtui.diagnosis.explain.number_text import rate
from meshtui.diagnosis.explain.pods import Words
from meshtui.diagnosis.explain.scope import VersionScope, listed, routes, titled
from meshtui.diagnosis.explain.steps import Step, Steps, lines_of
from meshtui.mesh import read
from meshtui.mesh.flags import FLAGS, GRPC, HTTP
from meshtui.mesh.signals import Signals
from meshtui.mesh.undecided import LIMITED, flagged

MOSTLY = 0.5
"""Part of what callers see that the server must count to be called its own."""

NEARLY_ALL, NAMED = 0.9, 3
"""Part of the answers with a code that must have a flag to be the own proxy's; flags named."""

NOISE = 0.02
"""Part of a code's requests that may be without a flag and not be worth a word."""

_RETRIED = ("UF", "UC", "UR", "LR", "UT")
"""Flags of tries that are repeated."""

_IN_GRPC = {
    "0": ("1", "14"),
    "400": ("13",),
    "401": ("16",),
    "403": ("7",),
    "404": ("12",),
    "429": ("14", "8"),
    "502": ("14",),
    "503": ("14",),
    "504": ("14", "4"),
}
"""The statuses that gRPC's callers get where a proxy would answer with the code, else UNKNOWN
(Envoy: Grpc::Utility::httpToGrpcStatus)."""


def failing(code: str) -> bool:
    """As telemetry counts errors: HTTP 5xx, and no response at all."""
    return code == "0" or (len(code) == 3 and code[0] == "5")


def explaining(code: str) -> bool:
    """Codes that want an explanation; everything else is an answer."""
    return failing(code) or (len(code) == 3 and code[0] == "4")


def unflagged(
    scope: VersionScope, signals: Signals
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Codes and gRPC statuses that want an explanation, with the requests that carry no flag.

    Which flag went with which answer is not counted: of each flag as many are taken off as there
    are, first from the codes that proxies answer with, then from what gRPC's callers get instead.
    """
    codes = {code: number for code, number in signals.codes.items() if explaining(code)}
    grpc = {status: number for status, number in signals.grpc.items() if status != "0"}
    for flag, number in sorted(_each_request_once(signals.flags).items()):
        wanted, statuses = _answered_with(scope, flag)
        rest = _subtract(codes, number, [code for code in codes if code.startswith(wanted)])
        _subtract(grpc, rest, [status for status in statuses if status in grpc])
    return _worth_a_word(codes, signals.codes), _worth_a_word(grpc, signals.grpc)


def _each_request_once(flags: Mapping[str, float]) -> Mapping[str, float]:
    """URX is set beside the flag of the last try, where that has one: `URX,UF`."""
    beside = sum(flags.get(flag, 0.0) for flag in _RETRIED)
    return {**flags, "URX": max(flags.get("URX", 0.0) - beside, 0.0)}


def _subtract(left: dict[str, float], number: float, names: Iterable[str]) -> float:
    """How many remain of `number` after they are taken off."""
    for name in names:
        taken = min(left[name], number)
        left[name] -= taken
        number -= taken
    return number


def _worth_a_word(left: Mapping[str, float], all_of: Mapping[str, float]) -> Mapping[str, float]:
    return {name: n for name, n in left.items() if n > 0 and n > NOISE * all_of[name]}


def _answered_with(scope: VersionScope, flag: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Beginnings of the codes that go with a flag, and the gRPC statuses in their place."""
    if flag == "FI":
        return _aborts(scope)
    known = FLAGS.get(flag)
    codes = known.codes if known else ("4", "5", "0")
    whole = all(len(code) == 3 or code == "0" for code in codes)
    given = [code for code in codes if code[0] not in "12"]
    found = (status for code in given for status in _IN_GRPC.get(code, ("2",)))
    return codes, tuple(dict.fromkeys(found)) if whole else tuple(GRPC)


def _aborts(scope: VersionScope) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the rules' faults answer with; where there is none any more, any error."""
    faults = [route.rule.fault for route in routes(scope) if route.rule.fault]
    codes = {str(fault.abort_http) for fault in faults if fault.abort_http}
    names = {fault.abort_grpc.upper() for fault in faults if fault.abort_grpc}
    statuses = [status for status, (name, _) in GRPC.items() if {status, name} & names]
    for code in codes:
        statuses += _IN_GRPC.get(code, ("2",))
    if not codes and not names:
        return ("4", "5"), tuple(GRPC)
    return tuple(sorted(codes)), tuple(dict.fromkeys(statuses))


def name_of_code(code: str) -> str:
    return HTTP.get(code, ("",))[0] or f"{code[:1]}xx"


def name_of_status(status: str) -> str:
    return GRPC.get(status, ("not a gRPC status",))[0]


def about_code(scope: VersionScope, code: str, per_second: float) -> Words:
    """Who answers it, what that means, and what to do. `per_second` is how often, unflagged."""
    who = _who(scope, code, "codes", per_second)
    found = access.attributed(scope, code)
    if found is not None:
        open_ = f"The proxies of {scope.name} answer it, or the program: counters do not tell."
        first = {True: [who], False: [], None: [open_]}[found.program]
        return [*first, *found.sentences], found.next
    meaning = HTTP.get(code, ("", ""))[1]
    sentences = [_by_its_limit(scope, code) or who, *([meaning] if meaning else [])]
    lines = lines_of(f"code:{code}", "its log lines")
    return sentences, _next(scope, lines, failing(code), limited=code == LIMITED)


def _by_its_limit(scope: VersionScope, code: str) -> str:
    """Callers see no flag where a rate limit in the version's own proxies answers."""
    server = scope.server
    number = flagged(server, code) if server is not None and code == LIMITED else 0.0
    if server is None or not number or number < MOSTLY * server.codes[code]:
        return ""
    per = server.rps / server.requests
    return f"A rate limit in the proxies of {scope.name} answers it (RL): {rate(number * per)}."


def about_status(scope: VersionScope, status: str, per_second: float) -> Words:
    meaning = GRPC.get(status, ("", ""))[1]
    sentences = [_who(scope, status, "grpc", per_second), *([meaning] if meaning else [])]
    return sentences, _next(scope, Step("logs", "its log lines"), True)


def _who(scope: VersionScope, code: str, kind: str, per_second: float) -> str:
    if scope.nowhere:
        ruled = _by_rules(scope, code) if kind == "codes" else ""
        return ruled or (
            "No pod is named for these requests: something before the versions answered."
        )
    server = scope.server
    if server is None:
        return (
            f"No flag: most likely {scope.name} answered it itself. Its own proxy's count, "
            "which would prove it, is not known."
        )
    counted: Mapping[str, float] = server.codes if kind == "codes" else server.grpc
    ratio = counted.get(code, 0.0) / server.requests if server.requests else 0.0
    own = server.rps * ratio
    if own <= 0:
        return (
            f"The own proxy of {scope.name} counts none of them: made on the way, by a proxy that "
            "sets no flag (a waypoint, a gateway), or not counted there yet."
        )
    if copies(scope):
        return _who_beside_copies(scope, per_second, ratio, own)
    if own >= MOSTLY * per_second and (flags := _own_proxys(scope, server, code, kind)):
        return (
            f"The own proxy of {scope.name} answers it ({flags}), and not the program: it counts "
            f"{rate(own)} too."
        )
    if own >= MOSTLY * per_second:
        return f"{scope.name} answers it itself: its own proxy counts {rate(own)} too."
    return (
        f"{scope.name} itself answers {rate(own)} of it; the rest is made on the way, by a "
        "proxy that sets no flag, or not counted there yet."
    )


def _own_proxys(scope: VersionScope, server: Signals, code: str, kind: str) -> str:
    """The flags with which the version's own proxy gave nearly all of its answers with the code."""
    left = unflagged(scope, server)[0].get(code, 0.0) if kind == "codes" else 0.0
    if kind != "codes" or left > (1 - NEARLY_ALL) * server.codes.get(code, 0.0):
        return ""
    given = (flag for flag in server.flags if code.startswith(_answered_with(scope, flag)[0]))
    return ", ".join(sorted(given, key=lambda flag: (-server.flags[flag], flag))[:NAMED])


def _by_rules(scope: VersionScope, code: str) -> str:
    """The rules that have proxies answer with the code by themselves; empty where none has."""
    found = []
    for route in routes(scope):
        entries = read.objects(read.obj(route.service.raw, "spec"), route.rule.place)
        at = route.rule.index
        raw = entries[at] if route.rule.terminal and at < len(entries) else {}
        if str(read.integer(read.obj(raw, "directResponse"), "status")) == code:
            found.append(titled(route))
    if not found:
        return ""
    one = found[0][0].upper() + found[0][1:]
    more = f", or {listed(found[1:])}" if found[1:] else ""
    return f"{one}{more} answers it by itself (directResponse): it is sent to no pod."


def _who_beside_copies(scope: VersionScope, per_second: float, ratio: float, own: float) -> str:
    """`own` per second are copies too: only their `ratio` of the callers' requests can carry it."""
    if own < MOSTLY * per_second:
        return (
            f"{scope.name} itself answers {rate(own)} of it at most{INCLUDED}; the rest is made on "
            "the way, by a proxy that sets no flag, or not counted there yet."
        )
    caller = scope.caller
    if caller is None or ratio * caller.rps >= MOSTLY * per_second:
        return f"{scope.name} answers it itself: its own proxy counts {rate(own)}{INCLUDED}."
    return (
        f"No flag: most likely {scope.name} answered it itself. Its own proxy counts {rate(own)}, "
        f"but{INCLUDED[1:]}: which of these the callers got, its count does not tell."
    )


STEP_PERCENT = 5
"""By how much the screen's key drafts less."""


def _next(scope: VersionScope, lines: Step, failed: bool, *, limited: bool = False) -> Steps:
    row = scope.row
    if limited:
        return Step("exposure", "the rate limits in its way"), lines
    if failed and row is not None and row.percent and row.percent < 100:
        weight = f"{row.label}={max(row.percent - STEP_PERCENT, 0):g}"
        less = Step("lighter", f"take weight off {row.label}", weight, instead=True)
        return Step("rollback", "roll back"), less, lines
    return (lines,)

"""Codes and gRPC statuses that no proxy made up: what the version itself answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.mesh.explain.pods import Words
from meshtui.mesh.explain.scope import Scope, routes
from meshtui.mesh.explain.words import rate
from meshtui.mesh.flags import FLAGS, GRPC, HTTP
from meshtui.mesh.signals import Signals

MOSTLY = 0.5
"""Part of what callers see that the server must count to be called its own."""

LIMITED = ":logs code:429"

NOISE = 0.02
"""Part of a code's requests that may be without a flag and not be worth a word."""


def failing(code: str) -> bool:
    """As telemetry counts errors: HTTP 5xx, and no response at all."""
    return code == "0" or (len(code) == 3 and code[0] == "5")


def telling(code: str) -> bool:
    """Codes that want an explanation; everything else is an answer."""
    return failing(code) or (len(code) == 3 and code[0] == "4")


def unflagged(scope: Scope, signals: Signals) -> Iterator[tuple[str, float]]:
    """Codes that want an explanation, with the requests of theirs that carry no flag.

    Which flag went with which code is not counted: of each flag as many are taken off as there
    are, first from the codes that proxies answer with.
    """
    left = {code: number for code, number in signals.codes.items() if telling(code)}
    for flag, number in sorted(signals.flags.items()):
        known = FLAGS.get(flag)
        codes = _aborts(scope) if flag == "FI" else known.codes if known else ("4", "5", "0")
        for code in [c for c in left if c.startswith(tuple(codes))] if codes else []:
            taken = min(left[code], number)
            left[code] -= taken
            number -= taken
    for code, number in left.items():
        if number > NOISE * signals.codes[code] and number > 0:
            yield code, number


def _aborts(scope: Scope) -> tuple[str, ...]:
    """What the rules' faults answer with; where there is none any more, any error."""
    faults = [route.rule.fault for route in routes(scope) if route.rule.fault]
    found = {str(fault.abort_http) for fault in faults if fault.abort_http}
    return tuple(sorted(found)) or ("4", "5")


def statuses(signals: Signals) -> Iterator[tuple[str, float]]:
    """gRPC's statuses that are no success."""
    return ((status, n) for status, n in signals.grpc.items() if status != "0" and n > 0)


def name_of_code(code: str) -> str:
    return HTTP.get(code, ("",))[0] or f"{code[:1]}xx"


def name_of_status(status: str) -> str:
    return GRPC.get(status, ("not a gRPC status",))[0]


def about_code(scope: Scope, code: str, per_second: float) -> Words:
    """Who answers it, what that means, and what to do. `per_second` is how often, unflagged."""
    meaning = HTTP.get(code, ("", ""))[1]
    said = [_who(scope, code, "codes", per_second), *([meaning] if meaning else [])]
    return said, _next(scope, f":logs code:{code}", failing(code))


def about_status(scope: Scope, status: str, per_second: float) -> Words:
    meaning = GRPC.get(status, ("", ""))[1]
    said = [_who(scope, status, "grpc", per_second), *([meaning] if meaning else [])]
    return said, _next(scope, "l", True)


def _who(scope: Scope, code: str, kind: str, per_second: float) -> str:
    if scope.nowhere:
        return "No pod is named for these requests: something before the versions answered."
    server = scope.server
    if server is None:
        return (
            f"No flag: most likely {scope.name} answered it itself. Its own proxy's count, "
            "which would prove it, is not known."
        )
    counted: Mapping[str, float] = server.codes if kind == "codes" else server.grpc
    own = server.rps * counted.get(code, 0.0) / server.requests if server.requests else 0.0
    if own >= MOSTLY * per_second and own > 0:
        return f"{scope.name} answers it itself: its own proxy counts {rate(own)} too."
    if own > 0:
        return (
            f"{scope.name} itself answers {rate(own)} of it; the rest is made on the way, by a "
            "proxy that sets no flag, or not counted there yet."
        )
    return (
        f"The own proxy of {scope.name} counts none of them: made on the way, by a proxy that "
        "sets no flag (a waypoint, a gateway), or not counted there yet."
    )


def _next(scope: Scope, logged: str, failed: bool) -> str:
    row = scope.row
    lines = f"{logged}: its log lines"
    if logged == LIMITED:
        return f"x: the rate limits in its way; {lines}"
    if failed and row is not None and row.percent and row.percent < 100:
        return f"R: roll back, or -: take weight off {row.label}; {lines}"
    return lines

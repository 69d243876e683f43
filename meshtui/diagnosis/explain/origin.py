"""Where the errors are made: by the version itself, or on the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.chance import APART, by_chance, near
from meshtui.diagnosis.explain.copies import copies, included, percents
from meshtui.diagnosis.explain.edge import is_gateway
from meshtui.diagnosis.explain.number_text import percent, rate
from meshtui.diagnosis.explain.responses import failing, unflagged
from meshtui.diagnosis.explain.scope import VersionScope, routes_of, titled
from meshtui.mesh.codes import NO_ANSWER
from meshtui.mesh.pod import NOT_READ, all_machines
from meshtui.mesh.signals import Signals
from meshtui.mesh.view import DELAYED

HUNG_UP = ("DC", "DR")
RETRIED = "URX"
"""Says that there were no more tries: the last one's answer may be the version's own."""

NAMED = 3


@dataclass(frozen=True, slots=True)
class _Ratios:
    """Error ratios (0 to 1): what callers saw, the part of it without a flag, the server's own."""

    seen: float
    left: float
    own: float

    @property
    def flagged(self) -> float:
        return self.seen - self.left

    @property
    def mixed(self) -> bool:
        """Whether the errors made on the way are too many to be left out of the sentence."""
        return not near(self.left, self.seen)


def sides(scope: VersionScope) -> str:
    """Callers' errors against the server's own: where they are made. Empty where none are."""
    caller, server = scope.caller, scope.server
    if caller is None or scope.nowhere or caller.requests <= 0:
        return ""
    if is_gateway(scope.mesh, scope.view.service):
        return ""
    seen = caller.error_ratio or 0.0
    if server is None:
        return _server_unknown(scope) if seen else ""
    if server.requests <= 0 and seen:
        how = by_flags(caller)
        return f"Callers see {percent(seen)} errors; no request reached {scope.name}{how}."
    ratios = _Ratios(seen, _without_flag(scope, caller), _own_ratio(server))
    if copies(scope):
        return _beside_copies(scope, caller, server, ratios)
    return _compared(scope, caller, server, ratios)


def _without_flag(scope: VersionScope, caller: Signals) -> float:
    """The part of the requests that fail without a proxy on the way having said why."""
    flags = {flag: number for flag, number in caller.flags.items() if flag != RETRIED}
    failed = sum(_failures(scope, replace(caller, flags=flags)).values())
    return min(failed / caller.requests, caller.error_ratio or 0.0)


def _failures(scope: VersionScope, signals: Signals) -> Mapping[str, float]:
    """Requests that failed without a flag, by HTTP code and gRPC status."""
    codes, statuses = unflagged(scope, signals)
    failed = {code: number for code, number in codes.items() if failing(code)}
    return failed | {f"grpc {status}": number for status, number in statuses.items()}


def _own_ratio(server: Signals) -> float:
    """The part that the server failed. Of a calling proxy that hung up it is not the cause.

    Where the answer had begun by then, its code is no error.
    """
    hung_up = sum(server.flags.get(flag, 0.0) for flag in HUNG_UP)
    hung_up = min(hung_up, server.codes.get(NO_ANSWER, 0.0))
    failed = (server.error_ratio or 0.0) * server.requests - hung_up
    return max(failed, 0.0) / server.requests if server.requests else 0.0


def _compared(scope: VersionScope, caller: Signals, server: Signals, found: _Ratios) -> str:
    """The server counts what callers sent: the two ratios are of the same requests."""
    apart = _differ(caller, server, found)
    if apart and found.seen > found.own:
        return _on_the_way(scope, caller, found)
    if found.mixed and found.own:
        return _both(scope, caller, found)
    if apart:
        return _hidden(scope, found)
    return _itself(scope, caller, server, found) if found.seen and found.own else ""


def _differ(caller: Signals, server: Signals, found: _Ratios) -> bool:
    """Whether the ratios are really two: more than chance and than reading at other moments makes.

    Flags that are no part of the server's answer settle it however few there are.
    """
    if near(found.seen, found.own):
        return False
    requests = min(caller.requests, server.requests)
    flagged = sum(n for flag, n in caller.flags.items() if flag not in (DELAYED, "-"))
    if found.seen > found.own and flagged >= 0.5 * (found.seen - found.own) * requests:
        return True
    return not by_chance(found.seen, found.own, requests)


def _beside_copies(scope: VersionScope, caller: Signals, server: Signals, found: _Ratios) -> str:
    """The server counts copies too: only its ratio can carry what callers saw, if chance lets it.

    Its count is no more than a bound: what it does not hold was not answered by it.
    """
    if not found.seen or not found.left:
        if found.own < APART:
            return _on_the_way(scope, caller, found) if found.seen else ""
        return _both(scope, caller, found) if found.seen else _hidden(scope, found)
    arriving = found.own * (1 - found.flagged)
    requests = min(caller.requests, server.requests)
    if found.left <= arriving or (arriving and by_chance(found.left, arriving, requests)):
        return (_both if found.mixed else _shown_itself)(scope, caller, found)
    if found.own * server.requests < 0.5 * found.left * caller.requests:
        return _on_the_way(scope, caller, found)
    return (
        f"Callers see {percent(found.left)} errors without a flag. The own proxy of {scope.name} "
        f"counts {percent(found.own)}{included(scope)}: which of these the callers got, its count "
        "does not tell."
    )


def _on_the_way(scope: VersionScope, caller: Signals, found: _Ratios) -> str:
    which = "rest is" if found.own >= APART else "errors are"
    return (
        f"Callers see {percent(found.seen)} errors, {scope.name} itself answers "
        f"{percent(found.own)}{included(scope)}: the {which} made on the way{by_flags(caller)}."
    )


def _both(scope: VersionScope, caller: Signals, found: _Ratios) -> str:
    """Some are made on the way and some by the version, or none of what callers see."""
    how = by_flags(caller)
    if found.left <= 0:
        return (
            f"Callers see {percent(found.seen)} errors, all made on the way{how}; {scope.name} "
            f"itself answers {percent(found.own)}: {_why_hidden(scope)}."
        )
    codes = most(_failures(scope, caller), caller)
    return (
        f"Callers see {percent(found.seen)} errors: {percent(found.flagged)} are made on the way"
        f"{how}, {percent(found.left)} are answered by {scope.name} itself ({codes}); its own "
        f"proxy counts {percent(found.own)}{included(scope)}."
    )


def _itself(scope: VersionScope, caller: Signals, server: Signals, found: _Ratios) -> str:
    """How the server says it was; its own proxy has flags for a program that it can't reach."""
    if not _failures(scope, server):
        return (
            f"The own proxy of {scope.name} makes the errors{by_flags(server)}, and not the "
            f"program: callers see {percent(found.seen)}, it counts {percent(found.own)}"
            f"{included(scope)}."
        )
    return _shown_itself(scope, caller, found)


def _shown_itself(scope: VersionScope, caller: Signals, found: _Ratios) -> str:
    codes = _failures(scope, caller)
    return _answered(scope, f" ({most(codes, caller)})" if codes else by_flags(caller), found)


def _answered(scope: VersionScope, how: str, found: _Ratios) -> str:
    return (
        f"{scope.name} answers the errors itself{how}: callers see {percent(found.seen)}, "
        f"its own proxy counts {percent(found.own)}{included(scope)}."
    )


def _hidden(scope: VersionScope, found: _Ratios) -> str:
    return (
        f"{scope.name} itself answers {percent(found.own)} errors, callers see only "
        f"{percent(found.seen)}: {_why_hidden(scope)}."
    )


def _why_hidden(scope: VersionScope) -> str:
    """Why callers see fewer errors than are answered."""
    mirrors = copies(scope)
    if mirrors:
        return f"copies of the mirror ({percents(mirrors)}) are among its answers"
    for route in routes_of(scope):
        retries = route.rule.retries
        if retries is not None and retries.attempts != 0:
            return f"{titled(route)} tries again {retries}, and callers see the last try only"
    return "tries that are repeated, a mirror's copies, or callers without a proxy or past it"


def _server_unknown(scope: VersionScope) -> str:
    row = scope.row
    bare = row is not None and row.pods and not row.proxies
    why = "none of its pods has a proxy" if bare else "no proxy of its pods counted them"
    if row is not None and all_machines(row.members):
        why = f"{NOT_READ} are not read"
    return f"What {scope.name} itself answered is unknown: {why}."


def by_flags(signals: Signals) -> str:
    """The flags that say how, the most frequent first."""
    flags = {flag: n for flag, n in signals.flags.items() if flag not in (DELAYED, "-") and n > 0}
    return f" ({most(flags, signals)})" if flags else ", by no proxy that says how"


def most(counts: Mapping[str, float], signals: Signals) -> str:
    """The most frequent ones, with their rates."""
    first = sorted(counts, key=lambda name: -counts[name])[:NAMED]
    per = signals.rps / signals.requests if signals.requests else 0.0
    return ", ".join(f"{name} {rate(counts[name] * per)}" for name in first)

"""The first sentences: how it stands, and what that comes of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.copies import copies, percents
from meshtui.diagnosis.explain.edge import AT_GATEWAY, edge, is_gateway
from meshtui.diagnosis.explain.hidden import hidden_hosts
from meshtui.diagnosis.explain.latency import spent, waiting
from meshtui.diagnosis.explain.logged import refused_sentences, turned_away
from meshtui.diagnosis.explain.number_text import percent, rate
from meshtui.diagnosis.explain.origin import by_flags, most, sides
from meshtui.diagnosis.explain.scope import VersionScope, listed, parts_of
from meshtui.diagnosis.explain.steps import Steps
from meshtui.mesh.exposure import gateway_troubles
from meshtui.mesh.judging import (
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    REFUSED,
    SEVERITY,
    SLOW,
    bad_ratio,
)
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.mesh.text import clean
from meshtui.mesh.versions import VersionView

MANY = 0.1
"""Part of the requests from which answers 4xx are worth a word."""

ENOUGH = 0.1
"""Part of a service's failures that another's must come to, to be called their reason."""

ABORTED, NEARLY_ALL = "FI", 0.9
"""The flag of an injected abort, and the part of the errors that must be of it to be said last."""

OPAQUE = ("tcp", "tls", "mongo", "mysql", "redis")
"""Beginnings of the names of ports whose traffic Istio does not read as HTTP."""

NAMED = 3


@dataclass(frozen=True, slots=True)
class Said:
    """How something stands: its state, that in a sentence, a line for each thing more, and what to
    do about these."""

    state: str
    head: str
    lines: tuple[str, ...] = ()
    next: Steps = ()


def state_of(scope: VersionScope) -> str:
    return scope.row.state if scope.row else scope.view.state


def headline(scope: VersionScope) -> str:
    """The state in a sentence. What is unknown, idle, or all errors never reads alike."""
    state, caller = state_of(scope), scope.caller
    what = "requests that reach no pod" if scope.nowhere else scope.name
    row, line = scope.row, scope.row or scope.view
    if row is not None and row.pods_state and SEVERITY[state] >= SEVERITY[row.pods_state]:
        return f"{state}: the pods of {what}: {row.pods_words}. {_answers(caller)}"
    if state == NOT_KNOWN or caller is None:
        return f"unknown: nothing is known of {what}{_unknown(scope)}"
    if state == NO_TRAFFIC:
        return f"no traffic: {_idle(scope)}"
    if scope.nowhere:
        how = by_flags(caller) if caller.flags else ""
        return f"{state}: {rate(caller.rps)} reach no pod, {_failing(caller)}{how}"
    if state == FEW:
        return f"few requests: {_counted(scope, caller)}, too few to judge {what} by"
    if state == REFUSED:
        part = percent(bad_ratio(caller) or 0.0)
        return f"refused: proxies refuse {part} of the {rate(caller.rps)} to {what}{_codes(caller)}"
    if state == ONLY_ERRORS:
        return f"only errors: every one of the {rate(caller.rps)} to {what} fails"
    if state == SLOW:
        fail = f" {_part(caller)} of the {rate(caller.rps)} fail." if caller.error_ratio else ""
        return f"slow: of {what}, {_slow(scope)}.{fail}"
    if not bad_ratio(caller) and state != OK:
        until = f": {state} {line.leaving.words}" if line.leaving else ""
        none = f"none of the {rate(caller.rps)} to {what} fails now, too few to be certain"
        return f"{state}: {none}{until}"
    if not bad_ratio(caller):
        return f"ok: none of the {rate(caller.rps)} to {what} fails{_turned_away(caller)}"
    part = _part(caller)
    return f"{state}: {part} of the {rate(caller.rps)} to {what} fail{_turned_away(caller)}"


def _unknown(scope: VersionScope) -> str:
    """Why; of a service where that is so of all its versions."""
    rows = (scope.row,) if scope.row else scope.view.versions
    whys = dict.fromkeys(row.unknown_because for row in rows)
    return f": {next(iter(whys))}" if len(whys) == 1 and any(whys) else ""


def _answers(caller: Signals | None) -> str:
    if caller is None:
        return "What callers see is not known."
    if not caller.requests:
        return "They get no traffic."
    part = percent(bad_ratio(caller) or 0.0)
    return f"Callers see {part} of {rate(caller.rps)} fail."


def _counted(scope: VersionScope, caller: Signals) -> str:
    failed = round(caller.requests * (bad_ratio(caller) or 0.0))
    fail = f"{failed} of them failed" if failed else "none of them failed"
    window = f" in the last {scope.window_s:.0f}s" if scope.window_s else ""
    return f"{caller.requests:.0f}{window}, {fail}"


def _slow(scope: VersionScope) -> str:
    return scope.row.slow if scope.row else scope.view.slow


def _codes(signals: Signals) -> str:
    codes = {code: n for code, n in signals.codes.items() if code.startswith("4")}
    return f" ({most(codes, signals)})" if codes else ""


def _failing(signals: Signals) -> str:
    if not signals.error_ratio:
        return "none of them an error by its code"
    return f"{_part(signals)} of them fail"


def _turned_away(signals: Signals) -> str:
    """Answers 4xx are no errors; but a service that gives little else serves nobody."""
    codes = {code: n for code, n in signals.codes.items() if len(code) == 3 and code[0] == "4"}
    share = sum(codes.values()) / signals.requests if signals.requests else 0.0
    if share < MANY:
        return ""
    return f", but {percent(share)} get a 4xx answer ({most(codes, signals)})"


def _part(signals: Signals) -> str:
    return percent(bad_ratio(signals) or 0.0)


def _idle(scope: VersionScope) -> str:
    """Why there may be none; where only callers are silent, that."""
    server, row = scope.server, scope.row
    if server is not None and server.requests > 0 and not scope.nowhere:
        mirrors = copies(scope)
        mirror = f" (mirror {percents(mirrors)})" if mirrors else ""
        who = mirror or " (callers without a proxy or past it, or whose proxies can't be read)"
        return f"no caller reports any, yet {scope.name} itself counts {rate(server.rps)}{who}"
    window = f" in the last {scope.window_s:.0f}s" if scope.window_s else ""
    weight = "; its weight is 0" if row is not None and row.percent == 0 else ""
    return f"no request for {scope.name}{window}{weight}{_by_tcp(scope)}"


def _by_tcp(scope: VersionScope) -> str:
    """A service that speaks no HTTP may be busy all the same. Istio goes by the port's name."""
    ports = scope.view.service.ports
    opaque = bool(ports) and all(port.name.partition("-")[0] in OPAQUE for port in ports)
    return "; it speaks TCP, and its connections are not counted here" * opaque


def below(scope: VersionScope) -> str:
    """A service that fails because one that it calls does; empty where none of those fails.

    What fails far less often than the service itself is not the reason.
    """
    gateway = is_gateway(scope.mesh, scope.view.service)
    own = _failed_rps(scope.caller if gateway else scope.server or scope.caller)
    if scope.nowhere or not own:
        return ""
    found = [
        (SEVERITY[row.state], -row.caller.error_ratio, view.key, row)
        for view in scope.below
        if _failed_rps(view.caller) >= ENOUGH * own
        for row in view.versions
        if row.caller is not None and row.caller.error_ratio and row.state not in (OK, NO_TRAFFIC)
    ]
    found.sort(key=lambda each: each[:3])
    if not found:
        return ""
    texts = [_one_below(scope, key, row) for _, _, key, row in found[:NAMED]]
    more = [f"{len(found) - NAMED:,} more"] if len(found) > NAMED else []
    return f"It calls what fails: {listed([*texts, *more], NAMED + 1)}. Look there first."


def _failed_rps(signals: Signals | None) -> float:
    return signals.rps * (signals.error_ratio or 0.0) if signals else 0.0


def _one_below(scope: VersionScope, key: ServiceKey, row: VersionView) -> str:
    name = key.name if key.namespace == scope.namespace else str(key)
    return f"{name} {_label(row)} {percent((row.caller or Signals()).error_ratio or 0.0)}"


_TOLD_BY_FLAG = frozenset({"NR", "NC"})
"""Flags whose own explanation names a Sidecar that hides the host."""


def _may_be_hidden(scope: VersionScope, parts: Iterable[VersionScope]) -> bool:
    """Whether no request comes, or some reach no pod: what a proxy does not know, it sends to the
    address that was asked."""
    if state_of(scope) == NO_TRAFFIC:
        return True
    lost = [one.caller.flags for one in (scope, *parts) if one.nowhere and one.caller is not None]
    return any(_TOLD_BY_FLAG.isdisjoint(flags) for flags in lost)


def sentences(scope: VersionScope) -> tuple[Said, ...]:
    """What is said of a version; of a service's versions and its total.

    Those that do not do well come first, of these what fails on purpose last; those that do stand
    in one sentence.
    """
    parts = [part for part in parts_of(scope) if part.row is not scope.row]
    if scope.row is not None or len(parts) < 2:
        odd = [part for part in parts if part.nowhere and scope.row is not None]
        found = [_sentence(one) for one in (*_only(scope, parts), scope, *odd)]
    else:
        parts.sort(key=lambda part: (_on_purpose(part), SEVERITY[state_of(part)]))
        bad = [part for part in parts if _worth_a_sentence(part)]
        lost = not bad or any(part.nowhere for part in bad)
        seen = (sides(scope),) if lost else ()
        total = Said(state_of(scope), headline(scope), tuple(filter(None, seen)))
        well = [part for part in parts if not _worth_a_sentence(part)]
        found = [*(_sentence(part) for part in bad), total, *_well(well)]
    first = found[0]
    hidden = hidden_hosts(scope) if _may_be_hidden(scope, parts) else ()
    beside = (*refused_sentences(scope), turned_away(scope))
    door = edge(scope)
    entered = _gateways(scope)
    beside = (*_doubts(scope), *beside, door, *entered)
    texts = filter(None, (*first.lines, *beside, *hidden, below(scope), *_unread(scope)))
    steps = (*first.next, *(AT_GATEWAY if door else ()))
    return (replace(first, lines=tuple(texts), next=steps), *found[1:])


def _only(scope: VersionScope, parts: Iterable[VersionScope]) -> list[VersionScope]:
    """The service's only version, where it stands worse than what callers see: its pods fail, or
    it is slower than it used to be."""
    if scope.row is not None:
        return []
    own = SEVERITY[state_of(scope)]
    return [one for one in parts if _worth_a_sentence(one) and SEVERITY[state_of(one)] < own]


def _gateways(scope: VersionScope) -> tuple[str, ...]:
    """What the Gateways before the service, and its waypoint, say in their status is wrong."""
    found = gateway_troubles(scope.mesh, scope.view.service)
    more = (f"{len(found) - NAMED:,} more like it.",) if len(found) > NAMED else ()
    return (*(f"{clean(str(one))}." for one in found[:NAMED]), *more)


def _unread(scope: VersionScope) -> tuple[str, ...]:
    return tuple(f"{words[0].upper()}{words[1:]}." for words in scope.view.unread)


def _on_purpose(part: VersionScope) -> bool:
    """Whether what fails there fails by a fault that somebody put in."""
    caller = part.caller or Signals()
    failed = (caller.error_ratio or 0.0) * caller.requests
    return failed > 0 and caller.flags.get(ABORTED, 0.0) >= NEARLY_ALL * failed


def _worth_a_sentence(part: VersionScope) -> bool:
    """What reached no pod is never well, whatever its answers, nor what waits on its way."""
    state = state_of(part)
    lost = part.nowhere and state == OK
    return lost or state not in (OK, NO_TRAFFIC, FEW) or bool(waiting(part)[0])


def _sentence(scope: VersionScope) -> Said:
    text, steps = waiting(scope)
    texts = filter(None, (sides(scope), text or spent(scope)))
    return Said(state_of(scope), headline(scope), tuple(texts), steps)


def _doubts(scope: VersionScope) -> Iterator[str]:
    """What of the numbers is not known, and that others counted them than usually do."""
    rows = (scope.row,) if scope.row else scope.view.versions
    whys = dict.fromkeys(why for row in rows for why in (row.undecided, row.untimed) if why)
    for why in whys:
        mine = [row for row in rows if why in (row.undecided, row.untimed)]
        whose = "" if len(mine) == len(rows) else f"{listed(_label(row) for row in mine)}: "
        yield _sentence_of(f"{whose}{why}")
    if scope.view.counted_because:
        yield _sentence_of(scope.view.counted_because)


def _label(row: VersionView) -> str:
    return "(no pod reached)" if row.version == UNKNOWN else row.label


def _sentence_of(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _well(parts: list[VersionScope]) -> list[Said]:
    found = []
    for state, words in ((OK, "ok"), (FEW, "few requests"), (NO_TRAFFIC, "no traffic")):
        names = [part.label for part in parts if state_of(part) == state]
        if names:
            found.append(Said(state, f"{words}: {listed(names, 6)}"))
    return found

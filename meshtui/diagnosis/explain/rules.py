"""What a rule did to the request: NR, NC, UT, URX, RL, and DC."""

from __future__ import annotations

from meshtui.diagnosis.analysis.destinations import is_missing
from meshtui.diagnosis.analysis.lookup import definitions
from meshtui.diagnosis.explain.hidden import hidden_hosts
from meshtui.diagnosis.explain.number_text import begun, milliseconds
from meshtui.diagnosis.explain.pods import MOST, Words, at_caller, named
from meshtui.diagnosis.explain.policy import rules_by_caller
from meshtui.diagnosis.explain.scope import (
    CallingWorkload,
    RouteDestination,
    VersionScope,
    all_route_destinations,
    callers_timeouts,
    handing_over,
    listed,
    names_of_callers,
    pods_in,
    routes_of,
    titled,
)
from meshtui.diagnosis.explain.steps import SAID, Step, lines_of, typed
from meshtui.diagnosis.limit_words import effect_words, limit_words
from meshtui.mesh.carrying import Route
from meshtui.mesh.codes import NO_ANSWER
from meshtui.mesh.quantity import go_duration
from meshtui.mesh.ratelimits import EXTERNAL, RateLimit
from meshtui.mesh.resolution import Client, Resolution, world
from meshtui.mesh.service_limits import limits_at_callers, limits_at_pods
from meshtui.mesh.sides import SERVER
from meshtui.mesh.signals import Signals
from meshtui.mesh.text import clean
from meshtui.mesh.trace_entries import asked_of

_HIDDEN = (
    typed("kubectl get sidecar -o yaml", "its egress hosts"),
    Step("trace", "trace from a caller"),
)
_IN_ITS_WAY = Step("exposure", "the limits in its way")


def no_route(scope: VersionScope, side: str) -> Words:
    if side == SERVER:
        return [
            f"The own proxy of {scope.name} took no such connection: plain text where mTLS is "
            "STRICT, or a port that it does not know.",
        ], (lines_of("flag:NR", "who called, and which port"),)
    hidden = hidden_hosts(scope)
    if hidden:
        return hidden, _HIDDEN
    partial = _partial(scope)
    if partial:
        sentences = dict.fromkeys(
            f"{answer.ruling.service.ref.kind} {answer.ruling.service.ref.name} has no rule for "
            "everything: what none of its rules takes is answered 404 "
            f"({_asked(answer)})."
            for answer in partial
            if answer.ruling is not None
        )
        rest = Step("edit", "add a rule without match, last")
        return [*sentences][:MOST], (Step("trace", "trace a path that fails"), rest)
    return [
        "No rule or listener of the caller's proxy takes the request, though the rules that were "
        "read take any: another host or port was asked for, a gateway does not admit the host, "
        "or the rules have changed since."
    ], (at_caller(scope, "NR"),)


def _partial(scope: VersionScope) -> list[Resolution]:
    """The answers that callers get for the service with a rule for some requests only."""
    service, whole = scope.view.service, world(scope.mesh)
    callers = scope.callers or (CallingWorkload(scope.namespace, ""),)
    answers = [
        whole.view(Client(caller.namespace, caller.labels)).resolve(service.host, port.number)
        for caller in callers
        for port in service.ports
    ]
    return [answer for answer in answers if answer.ruling is not None and answer.rest is None]


def _asked(answer: Resolution) -> str:
    entries = (asked_of(route) for route in answer.routes)
    return listed([f"{title} asks {clean(match, 80)}" for title, match in entries], MOST)


def no_cluster(scope: VersionScope) -> Words:
    """Which destination the proxies have no cluster for."""
    hidden = hidden_hosts(scope)
    if hidden:
        return hidden, _HIDDEN
    sentences: list[str] = []
    for dest in all_route_destinations(scope):
        if dest.route is None:
            continue
        missing = is_missing(scope.mesh, dest.host)
        fault = "a host that does not exist" if missing else _undefined(scope, dest)
        if fault:
            sentences.append(f"{_begun(dest.route)} sends to {named(scope, dest)}, {fault}.")
    if sentences:
        return list(dict.fromkeys(sentences))[:MOST], (
            Step("rollback", "roll back to a version that is defined"),
            Step("rules", "the rule"),
            Step("analysis", "where it is written"),
        )
    return [
        "All destinations of the rules that were read are defined: the callers' proxies had no "
        "cluster for one of them yet."
    ], (Step("proxies", "what the callers' proxies route to"),)


def _undefined(scope: VersionScope, dest: RouteDestination) -> str:
    """Why a caller's proxy has no cluster for the subset; empty where all have one."""
    each = rules_by_caller(scope, dest.host)
    lacking = any(
        all(s.name != dest.subset for rule in rules for s in rule.subsets) for rules in each
    )
    if not dest.subset or not lacking:
        return ""
    known = definitions(scope.mesh, dest.host, dest.subset)
    if not known:
        return "which no DestinationRule defines"
    ref = known[0].rule.ref
    return f"which DestinationRule {ref.namespace}/{ref.name} defines, but not for every caller"


def timed_out(scope: VersionScope) -> Words:
    sentences = []
    for route in (*routes_of(scope), *handing_over(scope)):
        retries = route.rule.retries
        per_try = retries.per_try_timeout_s if retries else None
        if route.rule.timeout_s:
            sentences.append(f"{_begun(route)} waits {route.rule.timeout_s:g}s for an answer.")
        if per_try:
            sentences.append(f"{_begun(route)} waits {per_try:g}s in each try.")
    what = "a longer timeout"
    if not sentences:
        sentences = [
            "No rule that was read has a timeout for it: a gRPC call's own deadline "
            "(grpc-timeout) passed, the rule has changed since, or an EnvoyFilter sets one "
            "(proxies ignore a caller's x-envoy-upstream-rq-timeout-ms)."
        ]
        what = "set a timeout that the callers expect"
    slow = _p99(scope)
    return [*sentences[:MOST], *slow], (Step("timeout", what), _slow_lines(scope))


def _slow_lines(scope: VersionScope) -> Step:
    """The lines of what took at least as long as the shortest timeout there is."""
    limits = [route.rule.timeout_s for route in routes_of(scope) if route.rule.timeout_s]
    slow = f">={go_duration(min(limits, default=1.0))}"
    return lines_of(slow, f"what is slow in {scope.name}")


def _p99(scope: VersionScope) -> list[str]:
    """How long the version takes, as near to itself as is known."""
    server, caller = scope.server, scope.caller
    if server is not None and server.p99_ms is not None:
        return [f"p99 of {scope.name} is {milliseconds(server.p99_ms)} as its own proxy sees it."]
    if caller is not None and caller.p99_ms is not None:
        return [f"p99 of {scope.name} is {milliseconds(caller.p99_ms)} as callers see it."]
    return []


def retried(scope: VersionScope) -> Words:
    sentences = []
    for route in routes_of(scope):
        retries = route.rule.retries
        if retries is None:
            sentences.append(
                f"{_begun(route)} says nothing of retries: Istio's default is 2 more tries, "
                "after failed connections, refused streams, and gRPC's UNAVAILABLE and CANCELLED."
            )
        elif retries.attempts != 0:
            sentences.append(f"{_begun(route)} tries again {retries}.")
    head = "The last try failed too, or no more connections could be attempted."
    steps = (lines_of("code:5xx", "why each try fails"), Step("timeout", "the retries"))
    return [head, *dict.fromkeys(sentences[:MOST])], steps


def limited(scope: VersionScope, side: str) -> Words:
    """The limits of the proxy that turned the requests away, on whichever side it is."""
    found = (
        limits_at_pods(scope.mesh, scope.view.service, pods_in(scope))
        if side == SERVER
        else limits_at_callers(scope.mesh, scope.view.service, scope.clients)
    )
    whose = f"the own proxy of {scope.name}" if side == SERVER else "the callers' proxies"
    if not found:
        return [f"A rate limit in {whose}, but no EnvoyFilter that was read sets one there."], (
            _IN_ITS_WAY,
        )
    sentences = [f"Rate limit in {whose}:", *(_limit(limit) for limit in found[:MOST])]
    return sentences, (_IN_ITS_WAY, _raised(found[0]))


def _raised(limit: RateLimit) -> Step:
    if limit.kind == EXTERNAL:
        where = limit.service or "the rate-limit service"
        return Step(SAID, f"how much passes is set in {where}")
    edit = f"kubectl -n {limit.ref.namespace} edit envoyfilter {limit.ref.name}"
    return typed(edit, "raise it")


def _limit(limit: RateLimit) -> str:
    """`EnvoyFilter slow, every request: 5 per 1s, 10 at once; each proxy counts for itself.`"""
    place = f"EnvoyFilter {limit.ref.name}, {limit.scope}"
    return f"{place}: {limit_words(limit)}; {effect_words(limit)}."


def gave_up(scope: VersionScope, side: str) -> Words:
    """DC, DR: whoever asked did not wait. On the server's side that is the calling proxy."""
    slow = _slow_lines(scope)
    if side == SERVER:
        waits = [
            f"{_begun(r)} waits {r.rule.timeout_s:g}s" for r in routes_of(scope) if r.rule.timeout_s
        ]
        reason = f" ({listed(waits)})" if waits else ", most often because its own caller did"
        sent = "had answered" if _unanswered(scope.server) else "had sent its answer whole"
        sentences = f"The calling proxy hung up before {scope.name} {sent}{reason}."
        return [sentences, *_p99(scope)], (slow,)
    who = listed(names_of_callers(scope)) or "callers that are not known"
    timeouts = callers_timeouts(scope)
    there = "there" if _unanswered(scope.caller) else "whole"
    sentences = f"The caller hung up before the answer was {there}: {who}."
    more = (
        f"Their own timeout may be shorter: {listed(timeouts)}."
        if timeouts
        else ("No rule limits the callers' own time: the program that called gave up by itself.")
    )
    return [sentences, more, *_p99(scope)], (slow,)


def _unanswered(signals: Signals | None) -> bool:
    """Whether some requests had no answer at all; else those that broke off had begun."""
    return signals is None or signals.codes.get(NO_ANSWER, 0.0) > 0


def _begun(route: Route) -> str:
    return begun(titled(route))

"""Who turned requests away with 403 or 401: a policy in a proxy, or the program itself.

Envoy's RBAC and JWT filters set no flag, and telemetry counts their answers as the version's own.
What tells them apart, the strongest first: the details in the access log, the proxies' own
counters, and the policies that hold for the pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.logged import ITSELF, of_answers
from meshtui.diagnosis.explain.number_text import rate
from meshtui.diagnosis.explain.on_the_way import FORBIDDEN, before_pods, get, known
from meshtui.diagnosis.explain.pods import MOST, Words
from meshtui.diagnosis.explain.scope import (
    CallingWorkload,
    VersionScope,
    doors,
    listed,
    pods_in,
)
from meshtui.diagnosis.explain.steps import Step, Steps, lines_of
from meshtui.mesh.access import ALLOWED, DENIED, Decision, Identity, decide
from meshtui.mesh.authorization import (
    CUSTOM,
    AuthorizationPolicy,
    RequestAuthentication,
    in_force,
    tokens_in_force,
)
from meshtui.mesh.istio import Ref
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.sides import SERVER
from meshtui.mesh.text import clean
from meshtui.mesh.undecided import UNAUTHORIZED, flagged, unflagged

One = TypeVar("One", AuthorizationPolicy, RequestAuthentication)


@dataclass(frozen=True, slots=True)
class Attributed:
    """Who answered: the `program` itself, the pods' proxies (False), or it is not known (None)."""

    program: bool | None
    sentences: list[str]
    next: Steps


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies make of one caller's requests; `caller` None for all that are not known."""

    caller: CallingWorkload | None
    decision: Decision


def attributed(scope: VersionScope, code: str) -> Attributed | None:
    """Who answered with 403 or 401; None for other codes, and where nothing tells."""
    if code not in (FORBIDDEN, UNAUTHORIZED):
        return None
    server = scope.server
    counted = server is None or not server.requests or bool(server.codes.get(code))
    pods = () if scope.nowhere else tuple(pod for pod in pods_in(scope) if pod.sidecar)
    if not pods or not counted:
        sentences, steps = before_pods(scope, code)
        return Attributed(False, sentences, steps) if sentences else None
    found = _unauthorized(scope, pods) if code == UNAUTHORIZED else _forbidden(scope, pods)
    found = _flagged(scope, code, _counted(scope, code, pods, found))
    return _logged(scope, code, found)


def _logged(scope: VersionScope, code: str, found: Attributed) -> Attributed:
    """With what the pods' proxies logged, where that was read: nothing is stronger."""
    logged = scope.evidence.logged if scope.evidence else None
    lines = of_answers(scope, logged.items(), SERVER, code=code) if logged else []
    denied = sum(number for one, number in lines if one.denied)
    own = sum(number for one, number in lines if one.details == ITSELF)
    if denied and not own:
        policies = dict.fromkeys(one.policy for one, _ in lines if one.policy)
        named = [get(Ref("AuthorizationPolicy", ns, name)) for ns, name, _ in policies]
        return Attributed(False, found.sentences, tuple(named[:1]) or found.next)
    if own and not denied:
        return Attributed(True, [], _lines(code))
    return found


MOSTLY = 0.9
"""Part of the answers that the proxies' own counters must name to be called theirs alone."""


def _counted(
    scope: VersionScope, code: str, pods: tuple[Pod, ...], found: Attributed
) -> Attributed:
    """With what the filters of the pods counted, where that is known: it is the proof."""
    counts, filters = _FILTERS[code](scope)
    denied = sum(counts.get(w, 0.0) for w in {(p.namespace, p.workload) for p in pods})
    server = scope.server
    if not denied or server is None or not server.requests:
        return found
    per = server.rps / server.requests
    answers = unflagged(server, code)
    if not answers:
        return found
    whole = denied >= MOSTLY * answers
    sentence = f"The proxies of {scope.name} deny it: {filters} {rate(denied * per)}"
    sentence += "." if whole else f" of {rate(answers * per)}; the program answers the rest."
    if found.program:
        return Attributed(False, [sentence, _ELSEWHERE], found.next)
    return Attributed(False, [sentence, *found.sentences], found.next)


def _flagged(scope: VersionScope, code: str, found: Attributed) -> Attributed:
    """With what an external authorization service refused for the pods' proxies: their flag is the
    proof, and no callers' proxy sees it."""
    server = scope.server
    number = flagged(server, code) if server is not None and server.requests else 0.0
    if server is None or not number:
        return found
    answers, per = server.codes[code], server.rps / server.requests
    sentence = f"External authorization refuses it (UAEX): {rate(number * per)}"
    if number < MOSTLY * answers:
        beside = f"{sentence} of {rate(answers * per)}."
        return Attributed(found.program, [beside, *found.sentences], found.next)
    custom = _asking(scope, tuple(pod for pod in pods_in(scope) if pod.sidecar))
    steps = (get(custom[0].ref),) if custom else found.next
    return Attributed(False, [f"{sentence}.", *_said_no(scope, custom)], steps)


_FILTERS: Mapping[str, Callable[[VersionScope], tuple[Mapping[tuple[str, str], float], str]]] = {
    FORBIDDEN: lambda scope: (scope.denied, "their RBAC filters count"),
    UNAUTHORIZED: lambda scope: (scope.tokens, "their JWT filters refuse"),
}

_ELSEWHERE = "No policy that was read now denies a caller that is known: who else calls is logged."


# 403


def policies_of(mesh: Mesh, pods: Iterable[Pod]) -> tuple[AuthorizationPolicy, ...]:
    """Those that hold for any of the pods, each once."""
    return _for_any(in_force, mesh.authorization_policies, mesh, pods)


def _for_any(
    holding: Callable[[Iterable[One], str, str, Mapping[str, str]], tuple[One, ...]],
    policies: Iterable[One],
    mesh: Mesh,
    pods: Iterable[Pod],
) -> tuple[One, ...]:
    """The policies that hold for any of the pods, each once."""
    root = mesh.settings.root_namespace
    found = (one for pod in pods for one in holding(policies, root, pod.namespace, pod.labels))
    return tuple({one.ref: one for one in found}.values())


def _forbidden(scope: VersionScope, pods: tuple[Pod, ...]) -> Attributed:
    if not known(scope.mesh, "authorizationpolicies", pods):
        sentence = "AuthorizationPolicies can't be read here: whether one denies it is not known."
        return Attributed(None, [sentence], _lines(FORBIDDEN))
    policies = policies_of(scope.mesh, pods)
    if not policies:
        sentence = f"No AuthorizationPolicy holds for the pods of {scope.name}."
        return Attributed(True, [sentence], _lines(FORBIDDEN))
    judged = tuple(_judged(scope, pods))
    guilty = [one for one in judged if one.decision.answer != ALLOWED]
    if not guilty:
        names = listed(_name(policy.ref, scope) for policy in policies)
        sentence = f"{names} {'let' if len(policies) > 1 else 'lets'} all known callers in."
        return Attributed(True, [sentence], _lines(FORBIDDEN))
    guilty.sort(key=lambda one: one.decision.answer != DENIED)
    sentences = dict.fromkeys(_sentence(scope, one) for one in guilty)
    sure = all(one.decision.answer == DENIED for one in judged)
    steps = (get(guilty[0].decision.by[0].ref), lines_of("code:403", "who and what"))
    return Attributed(False if sure else None, list(sentences)[:MOST], steps)


def _judged(scope: VersionScope, pods: tuple[Pod, ...]) -> Iterator[Judged]:
    """The worst that any of the pods makes of each caller's requests."""
    for caller in scope.callers or (None,):
        identity = identity_of(scope.mesh, caller) if caller else None
        each = [decide(_of(scope.mesh, pod), identity, port) for pod, port in doors(scope, pods)]
        if each:
            yield Judged(caller, min(each, key=lambda found: _RANK.index(found.answer)))


_RANK = (DENIED, "maybe", ALLOWED)


def _of(mesh: Mesh, pod: Pod) -> tuple[AuthorizationPolicy, ...]:
    root = mesh.settings.root_namespace
    return in_force(mesh.authorization_policies, root, pod.namespace, pod.labels)


def identity_of(mesh: Mesh, caller: CallingWorkload) -> Identity | None:
    """None where its pods are gone, or their service account is not known."""
    if not caller.account:
        return None
    domains = mesh.settings.trust_domains
    return Identity(caller.namespace, caller.account, caller.proxied, domains)


def _sentence(scope: VersionScope, one: Judged) -> str:
    decision = one.decision
    names = listed(dict.fromkeys(_name(policy.ref, scope) for policy in decision.by))
    whose = _who(scope, one.caller)
    if decision.answer == DENIED and decision.unmatched:
        several = len(decision.by) > 1
        what = "let" if several else "lets"
        return f"{names} {what} nobody like {whose} in: every request of it is denied."
    if decision.answer == DENIED:
        return f"{names} denies every request of {whose}."
    if any(policy.action == CUSTOM for policy in decision.by):
        asked = listed(p.provider for p in decision.by if p.action == CUSTOM and p.provider)
        return f"{names} may deny requests of {whose}: it asks {asked or 'an external service'}."
    how = "" if decision.unmatched else " that its rules name"
    return (
        f"{names} may deny requests of {whose}{how}: by path, method, header or token, which "
        "telemetry does not tell."
    )


def _who(scope: VersionScope, caller: CallingWorkload | None) -> str:
    if caller is None:
        return "callers that are not known"
    home = f".{caller.namespace}" if caller.namespace != scope.namespace else ""
    account = f" ({caller.namespace}/{caller.account})" if caller.account else ""
    plain = "" if caller.proxied else ", which has no proxy"
    return f"{caller.workload}{home}{account}{plain}"


def _name(ref: Ref, scope: VersionScope) -> str:
    home = f"{ref.namespace}/" if ref.namespace != scope.namespace else ""
    return f"{ref.kind} {home}{ref.name}"


def _lines(code: str) -> Steps:
    return (lines_of(f"code:{code}", "its log lines"),)


# 401


def _unauthorized(scope: VersionScope, pods: tuple[Pod, ...]) -> Attributed:
    mesh = scope.mesh
    if not known(mesh, "requestauthentications", pods):
        sentence = "RequestAuthentications can't be read here: whether one refuses it is not known."
        return Attributed(None, [sentence], _lines(UNAUTHORIZED))
    found = _tokens(mesh, pods)
    if not found:
        sentence = f"No RequestAuthentication holds for the pods of {scope.name}."
        return Attributed(True, [sentence], _lines(UNAUTHORIZED))
    sentences = [
        f"{_name(one.ref, scope)} takes tokens of {listed(one.issuers)} only: another token, or "
        "one that is out of date, is refused by the proxy. No token at all passes."
        for one in found
    ]
    workloads = dict.fromkeys((pod.namespace, pod.workload) for pod in pods)
    unsaid = [w for w in workloads if w not in scope.tokens]
    why = next((scope.undecided[w] for w in unsaid if w in scope.undecided), "")
    more = [_NOT_COUNTED + (f": {clean(why)}." if why else ".")] if unsaid else []
    steps = (get(found[0].ref), lines_of("code:401", "why"))
    return Attributed(None, [*sentences[:MOST], *more], steps)


_NOT_COUNTED = (
    "These count as the program's own answers: its proxies keep no counter of the tokens they "
    "refuse (proxyStatsMatcher may name jwt_authn.denied), and their access logs do not tell"
)


def _tokens(mesh: Mesh, pods: Iterable[Pod]) -> tuple[RequestAuthentication, ...]:
    return _for_any(tokens_in_force, mesh.request_authentications, mesh, pods)


# UAEX


def _asking(scope: VersionScope, pods: Iterable[Pod]) -> list[AuthorizationPolicy]:
    return [policy for policy in policies_of(scope.mesh, pods) if policy.action == CUSTOM]


def _said_no(scope: VersionScope, custom: list[AuthorizationPolicy]) -> list[str]:
    return [
        f"{_name(policy.ref, scope)} asks {policy.provider or 'an external service'}, which said "
        "no, or failed (ext_authz_error in the log of the pod's proxy)."
        for policy in custom[:MOST]
    ]


def external(scope: VersionScope, meaning: str, where: Step) -> Words:
    """UAEX: an external authorization service said no. Envoy's own RBAC sets no flag."""
    pods = tuple(pod for pod in pods_in(scope) if pod.sidecar)
    custom = _asking(scope, pods)
    if custom:
        return [meaning, *_said_no(scope, custom)], (get(custom[0].ref), where)
    if not known(scope.mesh, "authorizationpolicies", pods):
        return [meaning, "AuthorizationPolicies can't be read here: which is not known."], (where,)
    return [
        meaning,
        "No AuthorizationPolicy that was read asks one for these pods: an EnvoyFilter may, or a "
        "policy of a gateway.",
    ], (where,)

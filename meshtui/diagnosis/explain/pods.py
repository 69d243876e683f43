"""Why a pod was not reached, or did not answer: UO, UF, UH, UC."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.number_text import begun
from meshtui.diagnosis.explain.on_the_way import absent_waypoint
from meshtui.diagnosis.explain.policy import (
    ONLY_WAITS,
    Part,
    limits,
    limits_text,
    parts,
    turning_away,
)
from meshtui.diagnosis.explain.scope import (
    CallingWorkload,
    RouteDestination,
    VersionScope,
    doors,
    listed,
    names_of_callers,
    pods_at,
    pods_in,
    route_destinations,
)
from meshtui.diagnosis.explain.steps import Step, Steps, lines_of, typed
from meshtui.mesh import read
from meshtui.mesh.ejection import ejection_percent
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Json, Pod
from meshtui.mesh.mutual_tls import TlsConflict, meets_no_proxy, tls_conflict
from meshtui.mesh.quantity import number_of, seconds
from meshtui.mesh.resolution import Client, world
from meshtui.mesh.sides import SERVER
from meshtui.mesh.subsets import usable_subsets

Words = tuple[list[str], Steps]
"""What a flag means here, and what to do next."""

MOST = 3
"""Places written out where several may be meant."""


def destinations(scope: VersionScope) -> tuple[RouteDestination, ...]:
    """Where the requests may have gone, each destination once whatever rule leads there."""
    return tuple(
        {(dest.host, dest.subset, dest.port): dest for dest in route_destinations(scope)}.values()
    )


def named(scope: VersionScope, dest: RouteDestination) -> str:
    host = short_host(dest.host, scope.namespace)
    return f"subset {dest.subset} of {host}" if dest.subset else host


def at_caller(scope: VersionScope, flag: str, text: str = "") -> Step:
    """Where the line is logged: by the proxy that set the flag, on the side of the callers."""
    names = names_of_callers(scope)
    whose = f"the log of {listed(names, 1)}" if names else "the log of a caller"
    words = f"{whose} {text}" if text else whose
    return lines_of(f"flag:{flag}", words, callers=True)


def overflow(scope: VersionScope) -> Words:
    """Which pool limits may be meant: the request itself names no version."""
    pools = parts_of_policy(scope, "connectionPool")
    found = [(part, turning_away(limits(part.value))) for part in pools]
    limited = [(part, known) for part, known in found if known]
    if not limited:
        waits = [f"{part.words}: {ONLY_WAITS}." for part in pools if limits(part.value)]
        return [
            "Circuit breaker, but no DestinationRule that was read sets a limit here that turns "
            "requests away: it may have been taken off just now, or stand in an EnvoyFilter.",
            *waits[:MOST],
        ], (Step("proxies", "the limits that the callers' proxies have"),)
    texts = [f"{part.words}: {limits_text(known)}" for part, known in limited]
    first, names = limited[0][0], [name for _, known in limited for name in known]
    if len(limited) > 1:
        sentences = ["Circuit breaker: one of these pool limits is reached, in a calling proxy."]
        sentences += [f"{text}." for text in texts[:MOST]]
    else:
        one = "the pool limit" if len(names) == 1 else "a pool limit"
        sentences = [f"Circuit breaker: {one} of {texts[0]} is reached, in a calling proxy."]
    sentences += [text for part, _ in limited[:MOST] for text in _replaced(part)]
    where = first.where if len(limited) == 1 else "the one that is too low"
    raised = listed(dict.fromkeys(names), 4).replace(" and ", " or ")
    what = f"raise {raised} of {where}, if its pods can take more; else more pods"
    return sentences, (Step("breaker", what),)


def _replaced(part: Part) -> list[str]:
    """What an operator takes for granted, and what does not hold."""
    lost = limits(part.replaced)
    if not lost:
        return []
    text = f"{begun(part.where)} has a pool of its own: it replaces the host's whole"
    return [f"{text} ({limits_text(lost)} does not hold there)."]


def parts_of_policy(scope: VersionScope, name: str) -> list[Part]:
    """A part of the policies of all destinations, each once."""
    found: list[Part] = []
    for dest in destinations(scope):
        found += [part for part in parts(scope, dest, name) if part not in found]
    return found


def unconnected(scope: VersionScope, side: str) -> Words:
    """What is known to speak for one of the reasons, and those that are left.

    On the server's side it is the pod's own proxy that does not reach the program beside it.
    """
    if side == SERVER:
        return [
            f"The own proxy of {scope.name} can't connect to the program in its pod: it has "
            f"crashed, or does not listen on {_ports(scope)}.",
            *_restarted(scope),
        ], (
            lines_of("flag:UF", "which pods"),
            typed("kubectl logs --previous", "what the program said last"),
        )
    conflicts = [one for one in tls_conflicts(scope) if one.flag == "UF" and one.says]
    if conflicts:
        return _disagreeing(scope, conflicts, "UF")
    pods = pods_in(scope)
    bypassed = _bypassed(scope)
    if bypassed:
        return [bypassed], (at_caller(scope, "UF", "says WRONG_VERSION_NUMBER"),)
    unready = [pod for pod in pods if not pod.serving]
    sentences = [f"The callers' proxies can't connect to the pods of {scope.name}. One of these:"]
    if unready:
        few = number_of(len(pods), "pod is", "pods are")
        sentences.append(f"{len(unready)} of {few} not ready ({_names(unready)}).")
    sentences.append(f"The pods don't listen on {_ports(scope)}.")
    sentences += _tls(scope, pods)
    sentences.append("A network policy, or a node that is out of reach.")
    return sentences, (at_caller(scope, "UF", "says refused, timeout or TLS"),)


def _bypassed(scope: VersionScope) -> str:
    """Ports that are kept from the pods' own proxies: istiod has callers send mutual TLS to every
    pod with a proxy, and the program behind such a port does not speak it."""
    if any(read.text(part.value, "mode") == "DISABLE" for part in parts_of_policy(scope, "tls")):
        return ""
    for pod, port in doors(scope, (pod for pod in pods_in(scope) if pod.sidecar)):
        if meets_no_proxy(scope.mesh, pod, port):
            return (
                f"Port {port} of pod {pod.name} is kept from its proxy ({pod.unproxied.by}): "
                "callers send it mutual TLS, as to any pod with a proxy, and its program speaks "
                "plain text. tls mode DISABLE in a DestinationRule has them send that."
            )
    return ""


def _restarted(scope: VersionScope) -> list[str]:
    """The pods whose program was started again, and why it had ended where that is known."""
    found = []
    for pod in pods_in(scope):
        if pod.restarts:
            whys = (one.why_ended for one in pod.statuses if one.restarts)
            why = next(filter(None, whys), "")
            found.append(f"{pod.name} {pod.restarts}×{f' ({why})' if why else ''}")
    return [f"Pods that have restarted: {listed(found)}."] if found else []


def _disagreeing(scope: VersionScope, conflicts: Iterable[TlsConflict], flag: str) -> Words:
    """PeerAuthentication against DestinationRule: no request gets to the program."""
    sentences = list(dict.fromkeys(_tls_sentence(scope, one) for one in conflicts))[:MOST]
    if flag == "UC":
        sentences.append(
            "The pod's proxy closes each connection (its own log: NR filter_chain_not_found): the "
            "program never sees it, and has not crashed."
        )
    where = "mtls-conflict, where it is written; remove tls from the DestinationRule"
    return sentences, (Step("analysis", where),)


def _ports(scope: VersionScope) -> str:
    """The ports of the service, with the ports of the pods that they lead to."""
    found: list[str] = []
    for dest in destinations(scope):
        service = scope.mesh.by_host.get(dest.host)
        for port in service.ports if service else ():
            if dest.port in (0, port.number):
                other = port.target and port.target != str(port.number)
                text = f"port {port.target} ({port.number} of the Service leads there)"
                found.append(text if other else f"port {port.number}")
    return listed(dict.fromkeys(found)) or "the port that the callers use"


def tls_conflicts(scope: VersionScope) -> tuple[TlsConflict, ...]:
    """What the callers' proxies send and the pods do not accept, each once."""
    found: dict[tuple[str, str], TlsConflict] = {}
    whole = world(scope.mesh)
    for caller in scope.callers or (CallingWorkload(scope.namespace, ""),):
        view = whole.view(Client(caller.namespace, caller.labels))
        for dest in destinations(scope):
            for cluster in view.clusters(dest.host).values():
                subset = cluster.subset.name if cluster.subset else ""
                if subset != dest.subset or dest.port not in (0, cluster.port.number):
                    continue
                if one := tls_conflict(scope.mesh, view, cluster):
                    found.setdefault((cluster.name, one.mode), one)
    return tuple(found.values())


def _tls_sentence(scope: VersionScope, one: TlsConflict) -> str:
    rules = one.cluster.rule.rules if one.cluster.rule else ()
    ruled = next(iter(rules), None)
    who = f" ({ruled.ref})" if ruled else ""
    host = short_host(one.cluster.host.name, scope.namespace)
    return f"TLS does not agree: callers send {host} {one.sent}{who}, and {one.taken}."


def _tls(scope: VersionScope, pods: tuple[Pod, ...]) -> list[str]:
    bare = [pod for pod in pods if pod.bare]
    sentences: list[str] = []
    for part in parts_of_policy(scope, "tls"):
        mode = read.text(part.value, "mode")
        if mode == "ISTIO_MUTUAL" and bare:
            sentences.append(
                f"{part.words} asks for mTLS (ISTIO_MUTUAL), and {len(bare)} of "
                f"{number_of(len(pods), 'pod has', 'pods have')} no proxy to answer it "
                f"({_names(bare)})."
            )
        elif mode and not _accepted_known(scope, pods):
            sentences.append(
                f"TLS may not agree: {part.words} has mode {mode}; what the pods accept is not "
                "known, as PeerAuthentications can't be read here."
            )
    return sentences[:MOST]


def _accepted_known(scope: VersionScope, pods: Iterable[Pod]) -> bool:
    homes = {scope.mesh.settings.root_namespace, *(pod.namespace for pod in pods)}
    return all(scope.mesh.knows("peerauthentications", home) for home in homes)


def _names(pods: list[Pod]) -> str:
    return listed(pod.name for pod in pods)


def unhealthy(scope: VersionScope) -> Words:
    """No endpoint: no pod, none ready, or all ejected; or none of the waypoint on the way."""
    absent = absent_waypoint(scope)
    if absent[0]:
        return absent
    sentences, steps = _without_pods(scope)
    if sentences:
        return sentences, steps
    ejecting = [one for dest in destinations(scope) for one in _ejecting(scope, dest)]
    if ejecting:
        sentences = [
            "Every pod that rules send to is ready; outlier detection may have ejected them:"
        ]
        lower = (Step("breaker", "maxEjectionPercent below 100"),)
        texts = dict.fromkeys(one.text for one in ejecting)
        which = Step("proxies", "which pods are ejected")
        more = lower if any(one.all for one in ejecting) else ()
        return [*sentences, *list(texts)[:MOST]], (which, *more)
    known = any(pods_at(scope.mesh, dest) for dest in destinations(scope))
    reason = (
        "Pods that rules send to are ready, and no DestinationRule that was read ejects all of "
        "them: the callers' proxies may not have heard of them yet."
        if known
        else "Which pods there are is not known here (not read, or no Service with a selector)."
    )
    return [reason], (Step("proxies", "the endpoints that the callers' proxies have"),)


def _without_pods(scope: VersionScope) -> Words:
    sentences: list[str] = []
    away, versions = "", False
    for dest in destinations(scope):
        pods = pods_at(scope.mesh, dest)
        if pods is None or any(pod.serving for pod in pods):
            continue
        if not away or (dest.subset and not versions):
            away, versions = named(scope, dest), bool(dest.subset)
        if pods:
            sentences.append(f"No pod of {named(scope, dest)} is ready (it has {len(pods)}).")
        elif dest.subset:
            sentences.append(
                f"{begun(named(scope, dest))} selects no pod ({_labels(scope, dest)})."
            )
        else:
            sentences.append(f"{named(scope, dest)} has no pod.")
    if versions:
        back = Step("rollback", f"roll back, away from {away}, until it has a ready pod")
        return sentences[:MOST], (back, Step("rules", "its labels"))
    pods_of_it = f"kubectl -n {scope.namespace} get pods"
    return sentences[:MOST], (typed(pods_of_it, f"why {away} has none that is ready"),)


def _labels(scope: VersionScope, dest: RouteDestination) -> str:
    found = (s for s in usable_subsets(scope.mesh, dest.host) if s.name == dest.subset)
    subset = next(found, None)
    return listed(f"{k}={v}" for k, v in subset.labels.items()) if subset else ""


@dataclass(frozen=True, slots=True)
class _Ejecting:
    """An outlier detection that may have ejected every pod; `all` says that it is allowed to."""

    text: str
    all: bool


def _ejecting(scope: VersionScope, dest: RouteDestination) -> list[_Ejecting]:
    pods = sum(pod.serving for pod in pods_at(scope.mesh, dest) or ())
    found = []
    for part in parts(scope, dest, "outlierDetection"):
        errors = _errors(part.value)
        most = ejection_percent(part.value)
        base = read.text(part.value, "baseEjectionTime") or "30s"
        if errors and pods and most > 100 * (pods - 1) / pods:
            rule = f"{part.words}: after {errors} in a row a pod is out for {_time(base)}, "
            more = " (one pod at least, in older proxies)" if most < 100 else ""
            found.append(_Ejecting(f"{rule}at most {most} % of them{more}.", most >= 100))
    return found


def _errors(detection: Json) -> str:
    """What gets a pod ejected: `5× 5xx`; 0 switches a kind off."""
    kinds = (("consecutive5xxErrors", 5, "5xx"), ("consecutiveGatewayErrors", 0, "502/503/504"))
    numbers = [(read.integer(detection, name, default), what) for name, default, what in kinds]
    return " or ".join(f"{number}× {what}" for number, what in numbers if number > 0)


def _time(text: str) -> str:
    return text if seconds(text) else "a while"


def hung_up(scope: VersionScope) -> Words:
    """UC: the pod closed the connection, or its proxy did, which takes no plain text."""
    conflicts = [one for one in tls_conflicts(scope) if one.flag == "UC"]
    if conflicts:
        return _disagreeing(scope, conflicts, "UC")
    sentences = [
        "The pod closed the connection before it had answered: it crashed or was stopped, or its "
        "idle timeout is shorter than the proxy's."
    ]
    sentences += _restarted(scope)
    return sentences, (
        lines_of("flag:UC", "which paths"),
        typed("kubectl describe pod", "why it ended"),
    )

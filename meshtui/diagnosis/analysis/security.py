"""What callers speak against what workloads accept: DestinationRules and PeerAuthentications."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.diagnosis.analysis.finding import ERROR, Finding
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts
from meshtui.mesh import read
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import DestinationRule, Mesh, Ref, Service
from meshtui.mesh.mutual_tls import MUTUAL, meets_no_proxy, tls_conflict
from meshtui.mesh.resolution import Cluster, Endpoint, View
from meshtui.mesh.resolution.names import covered
from meshtui.mesh.routing import pods_of
from meshtui.mesh.security import STRICT


def mtls_conflict(mesh: Mesh) -> Iterator[Finding]:
    """The TLS of a DestinationRule that the pods behind it do not accept, in both directions.

    Plain text against STRICT: callers see 503 UC, the server logs NR filter_chain_not_found.
    Mutual TLS against DISABLE, or against pods without a proxy: 503 UF with WRONG_VERSION_NUMBER.
    Without `tls` a caller's proxy chooses by itself what each pod accepts.
    """
    found: dict[tuple[str, str], Finding] = {}
    for rule in mesh.destination_rules:
        if not _speaks(rule):
            continue
        for view, cluster in _clusters(mesh, rule):
            if finding := _judged(mesh, rule, view, cluster):
                found.setdefault((str(rule.ref), finding.field), finding)
    yield from found.values()


def excluded_port(mesh: Mesh) -> Iterator[Finding]:
    """A port of a Service that its pods keep from their own proxies.

    istiod has callers send mutual TLS to every pod with a proxy, by whatever port: the program
    behind such a port does not speak it, and callers see 503 UF with WRONG_VERSION_NUMBER.
    """
    if not any(pod.sidecar and pod.unproxied for pod in mesh.pods):
        return
    askers = resolved_hosts(mesh).askers
    for service in mesh.services:
        if not any(pod.unproxied for pod in pods_of(mesh, service)):
            continue
        for port in _met_by_mutual_tls(mesh, service, askers.views_of(service.host)):
            yield _kept_from_proxy(service, *port)


def _met_by_mutual_tls(
    mesh: Mesh, service: Service, views: Iterable[View]
) -> Iterator[tuple[int, Endpoint]]:
    """The service's ports, and the first pod of each that is sent mutual TLS and can't take it."""
    found = set[int]()
    places = service.key.namespace, mesh.settings.root_namespace
    known = all(mesh.knows("peerauthentications", place) for place in places)
    for view in views:
        for cluster in view.clusters(service.host).values():
            mode = read.text(read.obj(cluster.policy, "tls"), "mode")
            if mode not in ("", *MUTUAL) or cluster.port.number in found:
                continue
            for endpoint in view.endpoints(cluster).found:
                pod = endpoint.pod
                if pod is None or not pod.sidecar or endpoint.port not in pod.unproxied:
                    continue
                if mode or (known and meets_no_proxy(mesh, pod, endpoint.port)):
                    found.add(cluster.port.number)
                    yield cluster.port.number, endpoint
                    break


def _kept_from_proxy(service: Service, number: int, endpoint: Endpoint) -> Finding:
    pod = endpoint.pod.name if endpoint.pod else ""
    by = endpoint.pod.unproxied.by if endpoint.pod else ""
    index = next(i for i, port in enumerate(service.ports) if port.number == number)
    return Finding(
        "excluded-port",
        ERROR,
        Ref("Service", service.key.namespace, service.key.name),
        f"spec.ports[{index}]",
        f"Pod {pod} keeps port {endpoint.port} from its proxy ({by}), and callers send it "
        "mutual TLS, as any pod with a proxy: requests are answered 503 (UF).",
        f"A DestinationRule with tls mode DISABLE for port {number} has callers send plain text; "
        "or let the annotation leave the port to the proxy.",
    )


def _speaks(rule: DestinationRule) -> bool:
    """Whether TLS is said anywhere in it."""
    policies = [rule.policy, *(subset.policy for subset in rule.subsets)]
    ports = [port for policy in policies for port in read.objects(policy, "portLevelSettings")]
    return any("tls" in policy for policy in (*policies, *ports))


def _clusters(mesh: Mesh, rule: DestinationRule) -> Iterator[tuple[View, Cluster]]:
    """The clusters that the rule is part of, for each of those who get it."""
    whole = resolved_hosts(mesh)
    hosts = [
        name for name in whole.world.shared.registry.by_name if covered(name, rule.host.lower())
    ]
    for host in hosts:
        for view in (*whole.askers.views_of(host), *whole.askers.gateways):
            joined = view.rule(host)
            if joined is not None and rule in joined.rules:
                yield from ((view, cluster) for cluster in view.clusters(host).values())


def _judged(mesh: Mesh, rule: DestinationRule, view: View, cluster: Cluster) -> Finding | None:
    found = tls_conflict(mesh, view, cluster)
    if found is None:
        return None
    host = short_host(cluster.host.name, rule.ref.namespace)
    where = f"requests on port {cluster.port.number} are answered 503 ({found.flag})."
    effect = f"Callers send {host} {found.sent}, and {found.taken}: {where}"
    if found.says is None:
        advice, codes = "Remove tls from the DestinationRule, or give the pod a sidecar.", ()
        return Finding(
            "mtls-conflict", ERROR, rule.ref, _path(rule, cluster), effect, advice, codes
        )
    advice = (
        "Remove tls from the DestinationRule: proxies then choose what each pod accepts. Or let "
        "the PeerAuthentication accept both (PERMISSIVE)."
    )
    same = ("KIA0501",) if found.says.mode == STRICT else ("KIA0505",)
    return Finding("mtls-conflict", ERROR, rule.ref, _path(rule, cluster), effect, advice, same)


def _path(rule: DestinationRule, cluster: Cluster) -> str:
    """Where the mode is written: at the subset, at a port, or at the host."""
    number = cluster.port.number
    for index, subset in enumerate(rule.subsets):
        if cluster.subset is not None and subset.name == cluster.subset.name:
            own = f"spec.subsets[{index}].trafficPolicy"
            if place := _in(subset.policy, own, number):
                return place
    return _in(rule.policy, "spec.trafficPolicy", number) or "spec.trafficPolicy"


def _in(policy: object, path: str, number: int) -> str:
    for index, port in enumerate(read.objects(policy, "portLevelSettings")):
        if read.integer(read.obj(port, "port"), "number") == number and "tls" in port:
            return f"{path}.portLevelSettings[{index}].tls.mode"
    return f"{path}.tls.mode" if read.obj(policy, "tls") else ""

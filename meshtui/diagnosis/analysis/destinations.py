"""Routes that lead nowhere: hosts, subsets and ports that do not exist, weights that add to 0.

Each destination is judged as its callers get it: which host they see, which DestinationRule counts
for them, which clusters their proxies have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import Definition, definitions, raw_rule, rule_path
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts, whose
from meshtui.diagnosis.analysis.sendings import Sending
from meshtui.mesh import read
from meshtui.mesh.gateway_api import STREAM_KINDS
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Mesh, Ref, Rule, VirtualService
from meshtui.mesh.resolution import Host, Unread, world
from meshtui.mesh.resolution.names import covered
from meshtui.mesh.resolution.policies import exports
from meshtui.mesh.resolution.registry import ALIAS, exported_to
from meshtui.mesh.resolution.streamroutes import NOWHERE

REFUSED = (
    "Envoy refuses it, and with it all routes of that port: the proxies go on with what they had."
)


def missing_host(mesh: Mesh) -> Iterator[Finding]:
    """A destination that no Service and no ServiceEntry has: Envoy has no cluster for it."""
    for group in resolved_hosts(mesh).sendings.values():
        lost = [one for one in group if _is_missing(one)]
        if lost:
            one = lost[0]
            yield Finding(
                "missing-host",
                severity(lost),
                one.place.service.ref,
                one.field("host"),
                f"Host {one.target.host} does not exist: {loss(one)}.",
                _host_advice(mesh, one),
                ("IST0101", "KIA1101"),
            )


def _is_missing(sending: Sending) -> bool:
    if sending.reach.exists or sending.target.host == NOWHERE:
        return False
    return is_missing(sending.answer.view.mesh, sending.target.host)


def is_missing(mesh: Mesh, host: str) -> bool:
    """Where it is certain that neither a Service nor a ServiceEntry has the host.

    Names of other clusters (`clusterset.local`) and of another cluster domain are not judged.
    """
    known = world(mesh).shared.registry
    if not host or "*" in host or known.by_name.get(host) or _to_nobody(mesh, host):
        return False
    if any(covered(host, pattern) for pattern in known.wild):
        return False
    namespace = service_namespace(mesh, host)
    if namespace:
        return mesh.knows("services", namespace)
    return ".svc." not in f"{host}." and mesh.knows("services") and mesh.knows("serviceentries")


def service_namespace(mesh: Mesh, host: str) -> str:
    """The namespace in the full name of a service of this cluster; empty for any other name."""
    parts = host.removesuffix(f".svc.{mesh.settings.domain}").split(".")
    return parts[1] if len(parts) == 2 and host.endswith(f".svc.{mesh.settings.domain}") else ""


def _host_advice(mesh: Mesh, sending: Sending) -> str:
    host = sending.target.host
    name, dot, rest = host.partition(".")
    meant = f"{name}.{rest.removesuffix('.svc')}.svc.{mesh.settings.domain}"
    if dot and meant in mesh.by_host:
        return f"Write {meant}: Istio completes only names without a dot."
    if dot and not service_namespace(mesh, host):
        return "Add a ServiceEntry for the host, or correct its name."
    same = next((s.host for s in mesh.services if s.key.name == name), "")
    if same:
        return f"Correct the name or its namespace (there is {same})."
    return "Correct the host's name, or create the Service."


def hidden_host(mesh: Mesh) -> Iterator[Finding]:
    """A destination that exists, and that some of its callers do not see.

    By the `exportTo` of a Service (an annotation) or ServiceEntry, or by the egress of a Sidecar
    (istiod, IsServiceVisible and SidecarScope): their proxies have no cluster for it.
    """
    for group in resolved_hosts(mesh).sendings.values():
        lost = [one for one in group if _is_hidden(one)]
        if lost:
            one = lost[0]
            yield Finding(
                "hidden-host",
                severity(lost),
                one.place.service.ref,
                one.field("host"),
                f"{_hiding(one)}: {loss(one)}{_for(lost, group)}.",
                "Export the host to these callers (exportTo), let it into their Sidecar, or keep "
                "the route from them.",
            )


def _is_hidden(sending: Sending) -> bool:
    view, host = sending.answer.view, sending.target.host
    known = bool(view.shared.registry.by_name.get(host)) or _to_nobody(view.mesh, host)
    return not sending.reach.exists and known and view.host(host) is None


def _to_nobody(mesh: Mesh, host: str) -> bool:
    """A host that is there and exported to nobody: no registry has it."""
    return host in mesh.by_host or host in mesh.service_entry_hosts


def _hiding(sending: Sending) -> str:
    host = sending.target.host
    if sending.answer.view.shared.registry.by_name.get(host):
        return sending.reach.missing
    return f"{host} is exported to nobody"


def missing_subset(mesh: Mesh) -> Iterator[Finding]:
    """A subset that no DestinationRule defines which counts for the callers.

    Of DestinationRules those of the caller's namespace count, else those of the service's, else
    those of the root namespace, if exported to the caller; of these the ones for the most
    specific host. All others have no effect (istiod, PushContext.destinationRule).
    """
    for group in resolved_hosts(mesh).sendings.values():
        lost = [one for one in group if _is_undefined(one)]
        if lost:
            yield _undefined(mesh, lost, group)


def _is_undefined(sending: Sending) -> bool:
    view, target = sending.answer.view, sending.target
    host = view.host(target.host)
    if sending.reach.exists or not target.subset or host is None or host.resolution == ALIAS:
        return False
    return host.port(target.port) is not None and not _unread_rules(sending, host)


def _unread_rules(sending: Sending, host: Host) -> list[Unread]:
    """DestinationRules that might define it, and are not read."""
    mesh, view = sending.answer.view.mesh, sending.answer.view
    homes = {view.client.namespace, host.namespace, mesh.settings.root_namespace}
    return [
        Unread("destinationrules", home, f"the DestinationRules of {home} are not read")
        for home in sorted(homes)
        if not mesh.knows("destinationrules", home)
    ]


def _undefined(mesh: Mesh, lost: Sequence[Sending], group: Sequence[Sending]) -> Finding:
    one = lost[0]
    target, ref = one.target, one.place.service.ref
    host = short_host(target.host, ref.namespace)
    others = definitions(mesh, target.host, target.subset)
    if others:
        why = f"{_uncounted(one, others[0])}: {loss(one)}{_for(lost, group)}"
        advice = (
            f"Define subset {target.subset} in the DestinationRule that counts, or export it to "
            "these callers."
        )
    else:
        why = f"No DestinationRule defines subset {target.subset} of {host}: {loss(one)}"
        advice = (
            f"Define subset {target.subset} in the DestinationRule of {host} first, "
            "or route to one that is defined."
        )
    codes = ("IST0101", "KIA1107")
    place = one.field("subset")
    return Finding("missing-subset", severity(lost), ref, place, f"{why}.", advice, codes)


def _uncounted(sending: Sending, found: Definition) -> str:
    """Why the definition of a subset does not count for the callers."""
    view, rule = sending.answer.view, found.rule
    home, host = view.client.namespace, view.host(sending.target.host)
    what = f"Subset {found.subset.name} is defined in {rule.ref}, which"
    seen = exports(rule)
    if seen and not exported_to(seen, rule.ref.namespace, home):
        return f"{what} is not exported to {home}"
    counts = view.rule(sending.target.host)
    if counts is not None:
        instead = counts.rules[0]
        exact = rule.host.startswith("*") and not instead.host.startswith("*")
        why = "for it names the host more exactly" if exact else "for its namespace comes first"
        return f"{what} {instead.ref} replaces whole, {why}"
    root = view.mesh.settings.root_namespace
    places = dict.fromkeys((home, host.namespace if host else home, root))
    return (
        f"{what} counts for callers in {rule.ref.namespace} only (those in {home} get the rules of "
        f"{', '.join(places)})"
    )


def missing_port(mesh: Mesh) -> Iterator[Finding]:
    """A destination port that the Service or ServiceEntry does not have."""
    for group in resolved_hosts(mesh).sendings.values():
        lost = [one for one in group if _lacks_port(one) and _names_port(one)]
        if lost:
            one = lost[0]
            yield Finding(
                "missing-port",
                severity(lost),
                one.place.service.ref,
                one.field("port"),
                f"{one.target.host} has no port {one.target.port}: {loss(one)}.",
                f"Use a port that the host has ({_ports(one)}).",
            )


def port_needed(mesh: Mesh) -> Iterator[Finding]:
    """A destination without a port whose host has none that fits.

    istiod takes the host's only port, but in a sidecar only where the listener has it too; else
    the port on which the request came in (GetDestinationCluster). That is right where the
    destination has it: a call inside the mesh to the same service keeps its port. Only ports that
    are certain to come in are reported; istioctl's IST0112 names every such route.
    """
    for group in resolved_hosts(mesh).sendings.values():
        lost = [one for one in group if _lacks_port(one) and not _names_port(one)]
        if lost:
            one = lost[0]
            came = ", ".join(sorted({str(found.target.port) for found in lost}))
            yield Finding(
                "port-needed",
                severity(lost),
                one.place.service.ref,
                f"{one.path}.port",
                f"Of the ports of {one.target.host} none is {came}, where the requests come in, "
                f"and the destination names none: {loss(one)}.",
                f"Name the port in the destination (it has {_ports(one)}).",
                ("IST0112",),
            )


def _lacks_port(sending: Sending) -> bool:
    host = sending.answer.view.host(sending.target.host)
    if sending.reach.exists or host is None or host.resolution == ALIAS:
        return False
    return host.port(sending.target.port) is None and not _is_ghost(sending)


def _is_ghost(sending: Sending) -> bool:
    """A virtual host that istiod makes on port 80 for a name that has no such port."""
    answer = sending.answer
    known = answer.view.host(answer.host)
    return not answer.edge and known is not None and known.port(answer.port) is None


def _names_port(sending: Sending) -> bool:
    if sending.in_http_route:
        return True  # for a Service as a backend the port is required
    raw = sending.place.raw
    if sending.mirror:
        several = read.objects(raw, "mirrors")
        entry = read.obj(raw, "mirror")
        if several:
            entry = read.obj(several[sending.target.index], "destination")
    else:
        entries = read.objects(raw, "route")
        entry = read.obj(entries[sending.target.index], "destination")
    return bool(read.obj(entry, "port"))


def _ports(sending: Sending) -> str:
    host = sending.answer.view.host(sending.target.host)
    ports = host.ports if host else ()
    return ", ".join(f"{port.number} {port.name}".strip() for port in ports) or "none"


def severity(lost: Sequence[Sending]) -> str:
    return ERROR if any(not (one.mirror or one.idle) for one in lost) else WARNING


def _for(some: Sequence[Sending], everybody: Sequence[Sending]) -> str:
    names = whose([one.answer for one in some], [one.answer for one in everybody])
    return f", for {names}" if names else ""


def loss(sending: Sending, code: str = "NC, no cluster") -> str:
    """What becomes of the traffic when Envoy has no cluster or no endpoint for a destination."""
    title = sending.title
    passed_on = sending.place.protocol in ("tcp", "tls") or (
        sending.place.service.ref.kind in STREAM_KINDS
    )
    if sending.mirror:
        return f"the copies of rule {title}'s requests are lost, which no caller notices"
    if sending.idle:
        short = f"503 ({code.partition(',')[0]})"
        if sending.in_http_route and not sending.reach.exists:
            short = "500"
        if passed_on:
            return f"rule {title} gives it no weight now; whatever it gets is closed"
        return f"rule {title} gives it no weight now; whatever weight it gets is answered {short}"
    if passed_on:
        share = 100.0 * sending.target.share
        some = "" if share >= 100 else f"{share:.3g} % of "
        return f"{some}connections of rule {title} are closed"
    if sending.in_http_route and not sending.reach.exists:
        return f"{part(sending)} of rule {title} is answered 500"
    return f"{part(sending)} of rule {title} is answered 503 ({code})"


def part(sending: Sending) -> str:
    """How much of the rule's traffic, in words."""
    percent = 100.0 * sending.target.share
    return "every request" if percent >= 100 else f"{percent:.3g} %"


def no_weight(mesh: Mesh) -> Iterator[Finding]:
    """Several destinations whose weights are all 0, or one that is negative.

    Weights are ratios, each at least 0 with a sum above 0; a single destination's is not looked
    at, and among several a missing one is 0 (Istio's validation of routes).
    """
    for service in mesh.virtual_services:
        for rule in service.rules:
            if len(rule.destinations) > 1:
                yield from _bad_weights(service, rule)


def _bad_weights(service: VirtualService, rule: Rule) -> Iterator[Finding]:
    routes = read.objects(raw_rule(service, rule), "route")
    path = f"{rule_path(rule)}.route"
    negative = [i for i, route in enumerate(routes) if read.integer(route, "weight") < 0]
    for index in negative:
        yield _weight(
            service.ref,
            f"{path}[{index}].weight",
            f"Rule {rule.title} has a negative weight. {REFUSED}",
        )
    if not negative and rule.total_weight == 0:
        text = f"All weights of rule {rule.title} are 0 or missing. {REFUSED}"
        yield _weight(service.ref, path, text)


def _weight(ref: Ref, path: str, effect: str) -> Finding:
    advice = "Give at least one destination a weight above 0, and none a weight below."
    return Finding("no-weight", ERROR, ref, path, effect, advice, ("IST0106",))

"""Filter chains of TCP and TLS ports: which connections go where, without a look at requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.action import Rule, Where, cluster_name, cluster_of
from meshtui.lab.control.gateways import Server
from meshtui.lab.control.hosts import covers
from meshtui.lab.control.reading import complain
from meshtui.lab.control.scope import Scope, Sight
from meshtui.lab.control.telemetry import connection_logs
from meshtui.lab.control.virtualservices import MESH
from meshtui.lab.control.world import MALFORMED, Config, Port, Proxy, Service, selects

_NAME = "envoy.filters.network.tcp_proxy"
_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"


def service_chains(scope: Scope, service: Service, port: Port, shared: bool) -> list[Obj]:
    """The chains of one port of a service.

    Where services share the listener (`shared`), the server name that a TLS client asks for is
    all that tells them apart.
    """
    where = Where(scope.service, scope.rule_of, port.number)
    rules = [c for c in scope.virtual_services if _rules(c, service)]
    if port.tls:
        found = _tls_chains(rules, scope.proxy, where)
        names = [service.host] if shared else []
    else:
        found = _tcp_chains(rules, scope.proxy, where)
        names = []
    if any(not _is_for_networks(chain) for chain in found):
        return found
    return [*found, _chain(_to(cluster_name(service.host, port.number)), names)]


def _is_for_networks(chain: Obj) -> bool:
    return "prefix_ranges" in chain.get("filter_chain_match", {})


def _rules(config: Config, service: Service) -> bool:
    return any(covers(host.lower(), service.host) for host in config.spec["hosts"])


def _tls_chains(rules: list[Config], proxy: Proxy, where: Where) -> list[Obj]:
    """One chain for each list of server names; the first of two rules for the same names wins."""
    found: dict[tuple[str, ...], Obj] = {}
    for config in rules:
        for rule in config.spec["tls"]:
            for match in rule.get("match") or ():
                names = tuple(str(name) for name in match.get("sniHosts") or ())
                fits = rule.get("route") and _fits(match, proxy, MESH, where.port)
                if fits and names not in found:
                    chain = _safely(rule, where, config)
                    found |= {names: _chain(chain, list(names))} if chain else {}
    return list(found.values())


def _tcp_chains(rules: list[Config], proxy: Proxy, where: Where) -> list[Obj]:
    """Rules that are for this client, up to the first that asks for no network."""
    found: list[Obj] = []
    for config in rules:
        for rule in config.spec["tcp"]:
            written = rule.get("match") or [{}]
            matches = [m for m in written if _fits(m, proxy, MESH, where.port)]
            chain = _safely(rule, where, config) if rule.get("route") and matches else None
            if chain is None:
                continue
            networks = [str(n) for m in matches for n in m.get("destinationSubnets") or ()]
            if not all(m.get("destinationSubnets") for m in matches):
                return [*found, _chain(chain, [])]
            found.append(_chain(chain, [], networks))
    return found


def _fits(match: Mapping[str, Any], proxy: Proxy, gateway: str, port: int) -> bool:
    gateways = match.get("gateways")
    return (
        (not gateways or gateway in gateways)
        and selects(match.get("sourceLabels") or {}, proxy.labels)
        and match.get("port") in (None, 0, port)
        and match.get("sourceNamespace") in (None, "", proxy.namespace)
    )


def _safely(rule: Rule, where: Where, config: Config) -> Obj | None:
    try:
        return _proxy_of(rule["route"], where)
    except MALFORMED as error:
        complain(f"VirtualService {config.namespace}/{config.name} rule skipped: {error!r}")
        return None


def _proxy_of(destinations: list[Rule], where: Where) -> Obj:
    """A single destination needs no weight; one without weight beside others gets nothing."""
    if len(destinations) == 1:
        return _to(cluster_of(destinations[0]["destination"], where))
    weighted = [
        {"name": cluster_of(entry["destination"], where), "weight": int(entry["weight"])}
        for entry in destinations
        if entry.get("weight")
    ]
    return {"weighted_clusters": {"clusters": weighted}}


def _to(cluster: str) -> Obj:
    return {"cluster": cluster}


def _chain(target: Obj, names: list[str], networks: list[str] | None = None) -> Obj:
    prefix = target.get("cluster") or target["weighted_clusters"]["clusters"][0]["name"]
    config = {"@type": _PROXY, "stat_prefix": prefix, **target}
    match: Obj = {"server_names": names} if names else {}
    if networks:
        match["prefix_ranges"] = [_range(network) for network in networks]
    return {
        **({"filter_chain_match": match} if match else {}),
        "filters": [{"name": _NAME, "typed_config": config}],
    }


def with_logs(listener: Obj, proxy: Proxy) -> Obj:
    """The listener, whose chains of connections log as Istio's do."""
    logs = connection_logs(proxy)
    default = listener.get("default_filter_chain")
    for chain in [*listener["filter_chains"], *([default] if default else [])]:
        for one in chain["filters"]:
            if one["name"] == _NAME:
                one["typed_config"] |= {
                    "access_log": logs,
                    "access_log_options": {"flush_access_log_on_connected": True},
                }
    return listener


def _range(network: str) -> Obj:
    address, _, length = network.partition("/")
    return {"address_prefix": address, "prefix_len": int(length or (128 if ":" in address else 32))}


def passthrough_chain(cluster: str) -> Obj:
    """The chain of connections that none of the others takes."""
    return _chain(_to(cluster), [])


def gateway_chains(server: Server, sight: Sight, scope: Scope) -> list[Obj]:
    """The chains of a gateway's server that passes TLS on, or serves TCP."""
    where = Where(scope.service, scope.rule_of, server.number)
    found: list[Obj] = []
    for config in sight.for_gateway(scope.proxy, server.gateway_name):
        admitted = server.hosts_for(config.namespace)
        if not any(covers(host, own) for host in admitted for own in config.spec["hosts"]):
            continue
        chains = _passed(config, server, where) if server.passes_through else []
        found += chains or ([] if server.passes_through else _plain(config, server, where))
        if found and not server.passes_through:
            break
    return found


def _passed(config: Config, server: Server, where: Where) -> list[Obj]:
    found = []
    for rule in config.spec["tls"]:
        for match in rule.get("match") or ():
            if rule.get("route") and _at_server(match, server):
                chain = _safely(rule, where, config)
                names = [str(name) for name in match.get("sniHosts") or ()]
                found += [_chain(chain, names)] if chain else []
    return found


def _plain(config: Config, server: Server, where: Where) -> list[Obj]:
    for rule in config.spec["tcp"]:
        matches = rule.get("match") or [{}]
        if rule.get("route") and any(_at_server(match, server) for match in matches):
            chain = _safely(rule, where, config)
            return [_chain(chain, [])] if chain else []
    return []


def _at_server(match: Mapping[str, Any], server: Server) -> bool:
    gateways = match.get("gateways")
    return (not gateways or server.gateway_name in gateways) and match.get("port") in (
        None,
        0,
        server.number,
    )

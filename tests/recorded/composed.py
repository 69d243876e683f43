"""Ordinary meshes put together at random from two or three features, for `record.py`.

`python -m tests.recorded.composed FOLDER FIRST LAST` writes `mix-SEED.yaml` for each seed. The
namespaces and the services of `data/istio/base.json` are the ground of each.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.recorded.collect import LATER

Obj = dict[str, Any]
FULL = "rev.or-a.svc.cluster.local"
VERSIONS = ("v1", "v2", "v3")
PARTNER = "old.or-a.test"


@dataclass
class Composed:
    """A mesh while it is put together; `younger` objects are made a second after the others."""

    dice: random.Random
    objects: list[Obj] = field(default_factory=list)
    younger: list[Obj] = field(default_factory=list)
    subsets: list[str] = field(default_factory=lambda: [*VERSIONS])
    hosts: list[str] = field(default_factory=lambda: ["rev"])
    features: list[str] = field(default_factory=list)
    edge: str = ""
    abroad: bool = False
    """The rules stand in another namespace, where short names mean others."""

    def add(self, kind: str, name: str, spec: Obj, namespace: str = "or-a", **meta: Any) -> Obj:
        made = {
            "apiVersion": "v1" if kind == "Service" else "networking.istio.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, **meta},
            "spec": spec,
        }
        self.objects.append(made)
        return made

    def grow(self, obj: Obj) -> None:
        """Makes an object younger than the others."""
        self.objects.remove(obj)
        self.younger.append(obj)


# Destinations


def destination(mesh: Composed, subset: str | None = None) -> Obj:
    """Where a part of the requests goes: mostly a version of the service itself."""
    dice = mesh.dice
    other = dice.random()
    if subset is None and other < 0.12:
        return {"host": "det.or-a.svc.cluster.local" if mesh.abroad else "det"}
    if subset is None and other < 0.18:
        return {"host": "pay.or-b.svc.cluster.local"}
    if subset is None and other < 0.30 and PARTNER in mesh.hosts:
        port = dice.choice([{}, {"port": {"number": 9080}}, {"port": {"number": 80}}])
        return {"host": PARTNER, **port}
    host = FULL if mesh.abroad else dice.choice(["rev", "rev", "rev", FULL])
    chosen = subset or dice.choice([*mesh.subsets, ""])
    port = {"port": {"number": 9080}} if dice.random() < 0.15 else {}
    return {"host": host, **({"subset": chosen} if chosen else {}), **port}


def targets(mesh: Composed) -> list[Obj]:
    dice = mesh.dice
    count = dice.choice([1, 1, 2, 2, 2, 3])
    if count == 1:
        weight = dice.choice([{}, {"weight": 100}, {"weight": 7}])
        return [{"destination": destination(mesh), **weight}]
    weights = {2: [(90, 10), (50, 50), (100, 0), (1, 2)], 3: [(60, 20, 20), (0, 80, 20)]}[count]
    if len(mesh.subsets) >= count and dice.random() < 0.6:
        picked = dice.sample(mesh.subsets, count)
        return [
            {"destination": destination(mesh, subset), "weight": weight}
            for subset, weight in zip(picked, dice.choice(weights), strict=True)
        ]
    return [{"destination": destination(mesh), "weight": weight} for weight in dice.choice(weights)]


# What a rule does beside


def mirror(mesh: Composed) -> Obj:
    where = destination(mesh, mesh.dice.choice(mesh.subsets))
    one: list[Obj] = [
        {},
        {"mirrorPercentage": {"value": 0.5}},
        {"mirrorPercentage": {}},
        {"mirrorPercentage": {"value": 100}},
        {"mirrorPercent": 30},
    ]
    several = [
        {"destination": where, "percentage": {"value": 12.5}},
        {"destination": {"host": "det"}},
    ]
    if mesh.dice.random() < 0.3:
        return {"mirrors": several[: mesh.dice.choice([1, 2])]}
    return {"mirror": where, **mesh.dice.choice(one)}


def fault(mesh: Composed) -> Obj:
    delay = {"fixedDelay": "0.010s", "percentage": {"value": mesh.dice.choice([100, 33.3])}}
    abort = {"httpStatus": 418, "percentage": mesh.dice.choice([{}, {"value": 0.01}])}
    return {
        "fault": mesh.dice.choice(
            [{"delay": delay}, {"abort": abort}, {"delay": delay, "abort": abort}]
        )
    }


def retries(mesh: Composed) -> Obj:
    forms: list[Obj] = [
        {"attempts": 3, "perTryTimeout": "1s"},
        {"attempts": 0},
        {"attempts": 2, "retryOn": "503,reset"},
        {"attempts": 4, "retryOn": "gateway-error,connect-failure", "perTryTimeout": "0.250s"},
        {"attempts": 1, "retryRemoteLocalities": True},
        {"attempts": 2, "backoff": "0.1s"},
    ]
    return {"retries": mesh.dice.choice(forms)}


def header_changes(mesh: Composed) -> Obj:
    request = {"set": {"x-stage": "%REQ(:method)%"}, "add": {"x-more": "1"}, "remove": ["x-drop"]}
    response = {"add": {"x-served-by": "mesh"}, "remove": ["server"], "set": {"x-set": "1"}}
    kept = {key: request[key] for key in mesh.dice.sample(sorted(request), 2)}
    forms = [{"request": kept}, {"response": response}, {"request": kept, "response": response}]
    return {"headers": mesh.dice.choice(forms)}


def rewrite(mesh: Composed) -> Obj:
    forms: list[Obj] = [
        {"uri": "/new"},
        {"authority": "inside.example.com"},
        {"uri": "/", "authority": "det"},
        {"uriRegexRewrite": {"match": "/(.*)/x", "rewrite": "/\\1"}},
    ]
    return {"rewrite": mesh.dice.choice(forms)}


def cors(mesh: Composed) -> Obj:
    policy = {
        "allowOrigins": mesh.dice.choice(
            [[{"exact": "https://a.example.com"}], [{"prefix": "https://"}, {"regex": ".*"}]]
        ),
        "allowMethods": ["GET", "POST"],
        "maxAge": "24h",
        **mesh.dice.choice(
            [{}, {"allowCredentials": True}, {"exposeHeaders": ["x-a"], "allowHeaders": ["x-b"]}]
        ),
        **mesh.dice.choice([{}, {}, {"unmatchedPreflights": "IGNORE"}]),
    }
    return {"corsPolicy": policy}


def timeout(mesh: Composed) -> Obj:
    return {"timeout": mesh.dice.choice(["3s", "0.5s", "1m"])}


EXTRAS = {
    "mirror": mirror,
    "fault": fault,
    "retries": retries,
    "headers": header_changes,
    "rewrite": rewrite,
    "cors": cors,
    "timeout": timeout,
}


def instead(mesh: Composed) -> Obj:
    """What a rule may do in place of a route."""
    forms: list[Obj] = [
        {"redirect": {"uri": "/moved"}},
        {"redirect": {"authority": "or-2.example.com", "redirectCode": 302}},
        {"redirect": {"scheme": "https"}},
        {"redirect": {"uri": "%PREFIX()%/there", "port": 8443, "redirectCode": 308}},
        {"redirect": {"scheme": "https", "derivePort": "FROM_PROTOCOL_DEFAULT"}},
        {"directResponse": {"status": 418, "body": {"string": "tea"}}},
        {"directResponse": {"status": 503}},
    ]
    return mesh.dice.choice(forms)


# Matches

NARROW: list[Obj] = [
    {"uri": {"prefix": "/api"}},
    {"uri": {"exact": "/health"}},
    {"uri": {"regex": "/v[0-9]+/.*"}},
    {"uri": {"prefix": "/Api/"}, "ignoreUriCase": True},
    {"headers": {"end-user": {"exact": "jason"}}},
    {"headers": {"x-canary": {}}},
    {"headers": {"cookie": {"regex": "^(.*?;)?(user=test)(;.*)?$"}}},
    {"headers": {"x-v": {"prefix": "b"}}, "uri": {"prefix": "/api"}},
    {"queryParams": {"v": {"exact": "2"}}},
    {"queryParams": {"debug": {"regex": "^t.*"}}},
    {"method": {"exact": "POST"}},
    {"method": {"regex": "P.*"}},
    {"withoutHeaders": {"x-internal": {}}},
    {"withoutHeaders": {"x-internal": {"exact": "1"}}},
    {"authority": {"prefix": "rev.or-a"}},
    {"scheme": {"exact": "http"}},
    {"headers": {":path": {"prefix": "/api"}}},
    {"headers": {"x-canary": {"exact": "*"}}},
    {"headers": {"x-canary": {"regex": ".*"}}},
]
BY_CALLER: list[Obj] = [
    {"sourceLabels": {"app": "client"}},
    {"sourceLabels": {"app": "nobody"}},
    {"sourceNamespace": "or-a"},
    {"sourceNamespace": "or-b"},
    {"port": 9080},
    {"port": 8080},
    {"gateways": ["mesh"]},
]
ALL: list[Any] = [
    None,
    [],
    [{}],
    [{"uri": {"prefix": "/"}}],
    [{"uri": {"regex": ".*"}}],
    [{"uri": {"regex": "/.*"}}],
    [{"name": "rest", "uri": {"prefix": "/"}}],
]


def match(mesh: Composed) -> list[Obj]:
    dice = mesh.dice
    found = []
    for _ in range(dice.choice([1, 1, 1, 2])):
        entry = dict(dice.choice(NARROW))
        if dice.random() < 0.25:
            entry |= dice.choice(BY_CALLER)
        elif dice.random() < 0.15:
            entry = dict(dice.choice(BY_CALLER))
        found.append(entry)
    if dice.random() < 0.2:
        found[0]["name"] = "first"
    return found


def rule(mesh: Composed, last: bool) -> Obj:
    dice = mesh.dice
    made: Obj = {}
    if dice.random() < 0.25:
        made["name"] = dice.choice(["main", "beta", "rest"])
    if last or dice.random() < 0.12:
        everything = dice.choice(ALL)
        if everything is not None:
            made["match"] = everything
    else:
        made["match"] = match(mesh)
    if not last and dice.random() < 0.2:
        return made | instead(mesh)
    made["route"] = targets(mesh)
    if dice.random() < 0.2:
        made["route"][0] |= header_changes(mesh)
    wanted = mesh.features if last else []
    for name in (name for name in EXTRAS if name in wanted or dice.random() < 0.08):
        made |= EXTRAS[name](mesh)
    return made


def rules(mesh: Composed) -> list[Obj]:
    count = mesh.dice.choice([1, 2, 2, 3, 4])
    found = [rule(mesh, False) for _ in range(count - 1)]
    if mesh.dice.random() < 0.92:
        found.append(rule(mesh, True))
    return found or [rule(mesh, False)]


# Who has the rules


def one_owner(mesh: Composed) -> None:
    mesh.add("VirtualService", "rev", {"hosts": ["rev"], "http": rules(mesh)})


def two_public(mesh: Composed) -> None:
    for name in mesh.dice.sample(["a-rev", "b-rev"], 2):
        made = mesh.add("VirtualService", name, {"hosts": ["rev"], "http": rules(mesh)})
    mesh.grow(made)


def private_elsewhere(mesh: Composed) -> None:
    one_owner(mesh)
    mesh.abroad = True
    spec = {"hosts": [FULL], "exportTo": ["."], "http": rules(mesh)}
    mesh.grow(mesh.add("VirtualService", "mine", spec, mesh.dice.choice(["or-a", "or-b"])))


def exported(mesh: Composed) -> None:
    one_owner(mesh)
    mesh.abroad = True
    spec = {"hosts": [FULL], "exportTo": ["or-b"], "http": rules(mesh)}
    mesh.grow(mesh.add("VirtualService", "for-b", spec, mesh.dice.choice(["or-a", "or-c"])))


def foreign_owner(mesh: Composed) -> None:
    mesh.abroad = True
    mesh.add("VirtualService", "rev", {"hosts": [FULL], "http": rules(mesh)}, "or-c")


def delegated(mesh: Composed) -> None:
    dice = mesh.dice
    space = dice.choice(["or-a", "or-a", "or-b"])
    mesh.abroad = space != "or-a"
    leaf = {"http": rules(mesh), **dice.choice([{}, {}, {"exportTo": ["."]}])}
    mesh.add("VirtualService", "leaf", leaf, space)
    mesh.abroad = False
    root: Obj = {"delegate": {"name": "leaf", "namespace": space}}
    if dice.random() < 0.6:
        root["match"] = [dict(dice.choice(NARROW[:6]))]
    if dice.random() < 0.3:
        root |= dice.choice([timeout, retries, header_changes, cors])(mesh)
    rest = [rule(mesh, True)] if "match" in root else []
    mesh.add("VirtualService", "rev", {"hosts": ["rev"], "http": [root, *rest]})


def several_hosts(mesh: Composed) -> None:
    hosts = mesh.dice.choice([["rev", "det"], ["rev", "pay.or-b.svc.cluster.local"], ["rev", FULL]])
    mesh.add("VirtualService", "both", {"hosts": hosts, "http": rules(mesh)})


def wildcard_beside(mesh: Composed) -> None:
    spec = {"hosts": ["*.or-a.svc.cluster.local"], "http": rules(mesh)}
    mesh.add("VirtualService", "wild", spec)
    if mesh.dice.random() < 0.6:
        one_owner(mesh)
        mesh.grow(mesh.objects[-1])


def at_the_edge(mesh: Composed) -> None:
    """One VirtualService for the mesh and a gateway."""
    mesh.edge = "or-1.example.com"
    gateway(mesh)
    found = rules(mesh)
    for entry in found:
        if mesh.dice.random() < 0.4:
            side = {"gateways": [mesh.dice.choice(["gate", "mesh"])]}
            entry["match"] = [{**one, **side} for one in entry.get("match") or [{}]]
    spec = {"hosts": ["rev", mesh.edge], "gateways": ["gate", "mesh"], "http": found}
    mesh.add("VirtualService", "rev", spec)


def apart(mesh: Composed) -> None:
    """One VirtualService for the mesh, another for a gateway."""
    mesh.edge = "or-1.example.com"
    gateway(mesh)
    one_owner(mesh)
    spec = {"hosts": [mesh.edge], "gateways": ["gate"], "http": rules(mesh)}
    mesh.add("VirtualService", "edge", spec)
    if mesh.dice.random() < 0.5:
        mesh.abroad = True
        again = {"hosts": [mesh.edge], "gateways": ["or-a/gate"], "http": rules(mesh)}
        mesh.grow(mesh.add("VirtualService", "edge-b", again, mesh.dice.choice(["or-a", "or-b"])))


OWNERS = {
    "one": one_owner,
    "two": two_public,
    "private": private_elsewhere,
    "exported": exported,
    "foreign": foreign_owner,
    "delegate": delegated,
    "hosts": several_hosts,
    "wildcard": wildcard_beside,
    "edge-and-mesh": at_the_edge,
    "apart": apart,
}


def gateway(mesh: Composed) -> None:
    dice = mesh.dice
    hosts = dice.choice([[mesh.edge], [mesh.edge], ["*.example.com"], [f"or-a/{mesh.edge}"]])
    servers = [server(8080, "HTTP", hosts)]
    if dice.random() < 0.4:
        servers.append(server(18081, "HTTP", hosts))
    if dice.random() < 0.25:
        servers[0]["tls"] = {"httpsRedirect": True}
    if dice.random() < 0.3:
        secure = server(18443, "TLS", ["sec.example.com"])
        servers.append({**secure, "tls": {"mode": "PASSTHROUGH"}})
        sni = {"match": [{"port": 18443, "sniHosts": ["sec.example.com"]}]}
        route = {"route": [{"destination": {"host": "det", "port": {"number": 9080}}}]}
        spec = {"hosts": ["sec.example.com"], "gateways": ["gate"], "tls": [sni | route]}
        mesh.add("VirtualService", "sec", spec)
    mesh.add("Gateway", "gate", {"selector": {"istio": "ingressgateway"}, "servers": servers})


def server(port: int, protocol: str, hosts: list[str]) -> Obj:
    name = f"p{port}-{protocol.lower()}"
    return {"port": {"number": port, "name": name, "protocol": protocol}, "hosts": hosts}


# DestinationRules


def subset(name: str) -> Obj:
    return {"name": name, "labels": {"version": name}}


def on_port(**settings: Any) -> Obj:
    return {"portLevelSettings": [{"port": {"number": 9080}, **settings}]}


def policy(mesh: Composed) -> Obj:
    forms: list[Obj] = [
        {"connectionPool": {"tcp": {"maxConnections": 11}, "http": {"http2MaxRequests": 5}}},
        {"connectionPool": {"http": {"http1MaxPendingRequests": 3, "maxRetries": 2}}},
        {"outlierDetection": {}},
        {
            "outlierDetection": {
                "consecutive5xxErrors": 3,
                "interval": "5s",
                "baseEjectionTime": "30s",
            }
        },
        {"outlierDetection": {"consecutiveGatewayErrors": 0, "maxEjectionPercent": 50}},
        {"loadBalancer": {"simple": "ROUND_ROBIN"}},
        {"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user"}}},
        {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "user", "ttl": "0s"}}}},
        {"loadBalancer": {"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 101}}}},
        {
            "loadBalancer": {
                "consistentHash": {"httpQueryParameterName": "u", "minimumRingSize": 64}
            }
        },
        {"loadBalancer": {"simple": "PASSTHROUGH"}},
        {"loadBalancer": {"simple": "RANDOM"}},
        {"connectionPool": {"tcp": {"connectTimeout": "2s"}}},
        {"loadBalancer": {"simple": "LEAST_REQUEST", "warmup": {"duration": "30s"}}},
        {
            "portLevelSettings": [
                {"port": {"number": 9080}, "connectionPool": {"tcp": {"maxConnections": 2}}}
            ]
        },
        {"portLevelSettings": [{"port": {"number": 9080}, "loadBalancer": {"simple": "RANDOM"}}]},
    ]
    return {key: value for form in mesh.dice.sample(forms, 2) for key, value in form.items()}


def destination_rule(
    mesh: Composed, name: str, namespace: str = "or-a", host: str = FULL, **more: Any
) -> Obj:
    dice = mesh.dice
    spec: Obj = {"host": host, "subsets": [subset(v) for v in mesh.subsets]}
    if dice.random() < 0.5:
        spec["trafficPolicy"] = policy(mesh)
    if dice.random() < 0.35:
        spec["subsets"][0]["trafficPolicy"] = policy(mesh)
    return mesh.add("DestinationRule", name, {**spec, **more}, namespace)


def exact(mesh: Composed) -> None:
    destination_rule(mesh, "rev", host=mesh.dice.choice(["rev", FULL]))


def wildcard(mesh: Composed) -> None:
    destination_rule(mesh, "wild", host="*.or-a.svc.cluster.local")
    if mesh.dice.random() < 0.4:
        destination_rule(mesh, "rev", subsets=[subset("v1")])


def of_the_client(mesh: Composed) -> None:
    exact(mesh)
    host = mesh.dice.choice([FULL, "*.or-a.svc.cluster.local", "*.local"])
    more = mesh.dice.choice([{}, {"exportTo": ["."]}, {"subsets": [subset("v1")]}])
    destination_rule(mesh, "mine", "or-b", host, **more)


def of_the_root(mesh: Composed) -> None:
    if mesh.dice.random() < 0.4:
        exact(mesh)
    destination_rule(
        mesh, "or-root", "istio-system", mesh.dice.choice([FULL, "*.or-a.svc.cluster.local"])
    )


def of_a_third(mesh: Composed) -> None:
    if mesh.dice.random() < 0.5:
        exact(mesh)
    more = mesh.dice.choice([{}, {"exportTo": ["or-b"]}, {"exportTo": ["."]}])
    destination_rule(mesh, "third", "or-c", FULL, **more)


def private_rule(mesh: Composed) -> None:
    destination_rule(mesh, "rev", exportTo=mesh.dice.choice([["."], ["or-b"], [".", "or-b"]]))
    if mesh.dice.random() < 0.5:
        destination_rule(mesh, "rev-public", subsets=[subset("v1"), subset("v2")])


def merged(mesh: Composed) -> None:
    destination_rule(mesh, "b-first", subsets=[subset("v1"), subset("v2")])
    second = destination_rule(mesh, "a-second", subsets=[subset("v2"), subset("v3")])
    mesh.grow(second)


def by_role(mesh: Composed) -> None:
    mesh.subsets = ["primary", "canary", "all"]
    roles = [{"name": n, "labels": {"role": n}} for n in ("primary", "canary")]
    destination_rule(mesh, "rev", subsets=[*roles, {"name": "all", "labels": {"app": "rev"}}])


def none_at_all(mesh: Composed) -> None:
    mesh.subsets = ["v1"] if mesh.dice.random() < 0.3 else [""]


RULES = {
    "exact": exact,
    "wildcard-rule": wildcard,
    "client's-rule": of_the_client,
    "root's-rule": of_the_root,
    "third's-rule": of_a_third,
    "private-rule": private_rule,
    "merged": merged,
    "by-role": by_role,
    "no-rule": none_at_all,
}


# What stands beside


def partner(mesh: Composed) -> None:
    dice = mesh.dice
    mesh.hosts.append(PARTNER)
    http = {"number": dice.choice([80, 9080]), "name": "http", "protocol": "HTTP"}
    ports = (
        [http]
        if dice.random() < 0.5
        else [http, {"number": 8081, "name": "http-b", "protocol": "HTTP"}]
    )
    static = {"resolution": "STATIC", "endpoints": [{"address": "10.77.200.7"}]}
    named = {"resolution": "DNS", "endpoints": [{"address": "localhost"}]}
    spec = {"hosts": [PARTNER], "ports": ports, "location": "MESH_EXTERNAL"}
    export = dice.choice([{}, {}, {"exportTo": ["."]}, {"exportTo": ["or-b"]}])
    mesh.add(
        "ServiceEntry",
        "old",
        {**spec, **dice.choice([static, named]), **export},
        dice.choice(["or-a", "or-a", "or-b"]),
    )


def sidecar(mesh: Composed) -> None:
    hosts = mesh.dice.choice(
        [["./*"], ["or-a/*"], ["*/rev.or-a.svc.cluster.local"], ["./*", "or-b/*"], ["~/*"], ["*/*"]]
    )
    space = mesh.dice.choice(["or-a", "or-b"])
    chosen = mesh.dice.choice([{}, {"workloadSelector": {"labels": {"app": "client"}}}])
    mesh.add("Sidecar", "default", {"egress": [{"hosts": hosts}], **chosen}, space)


def headless(mesh: Composed) -> None:
    port = {"port": 9080, "name": "http", "targetPort": 9080}
    spec = {"clusterIP": "None", "ports": [port], "selector": {"app": "rev"}}
    mesh.add("Service", "each", spec)
    destination_rule(mesh, "each", host="each")
    split = [{"destination": {"host": "each", "subset": s}, "weight": 50} for s in mesh.subsets[:2]]
    if "" not in mesh.subsets and len(split) == 2:
        mesh.add("VirtualService", "each", {"hosts": ["each"], "http": [{"route": split}]})


def virtual_machine(mesh: Composed) -> None:
    labels = {"app": "rev", "version": mesh.dice.choice(["v1", "v4"])}
    mesh.add("WorkloadEntry", "vm", {"address": "10.77.200.8", "labels": labels})


def more_ports(mesh: Composed) -> None:
    dice = mesh.dice
    first = dice.choice(
        [{"name": "http"}, {"name": "main", "appProtocol": "http"}, {"name": "main"}]
    )
    second = dice.choice(
        [
            {"name": "tcp-raw"},
            {"name": "grpc-b"},
            {"name": "raw", "appProtocol": "tcp"},
            {"name": "http-b"},
        ]
    )
    ports = [
        {"port": 9080, "targetPort": 9080, **first},
        {"port": 9090, "targetPort": 9080, **second},
    ]
    mesh.add("Service", "duo", {"ports": ports, "selector": {"app": "rev"}})
    spec = {"host": "duo", "subsets": [subset(v) for v in VERSIONS]}
    mesh.add("DestinationRule", "duo", spec)
    one = {"destination": {"host": "duo", "subset": "v1"}, "weight": 80}
    two = {"destination": {"host": "duo", "subset": "v2"}, "weight": 20}
    http: list[Obj] = [{"route": [one, two]}]
    if dice.random() < 0.5:
        last = {"destination": {"host": "duo", "subset": "v3", "port": {"number": 9090}}}
        http.insert(0, {"match": [{"port": 9090}], "route": [last]})
    spec = {"hosts": ["duo"], "http": http}
    if dice.random() < 0.5:
        spec["tcp"] = [{"match": [{"port": 9090}], "route": [two, one]}]
    mesh.add("VirtualService", "duo", spec)


def hidden_service(mesh: Composed) -> None:
    port = {"port": 9080, "name": "http", "targetPort": 9080}
    to = mesh.dice.choice([".", "or-b", "~", ".,or-b"])
    spec = {"ports": [port], "selector": {"app": "rev"}}
    mesh.add("Service", "hid", spec, annotations={"networking.istio.io/exportTo": to})
    mesh.add("DestinationRule", "hid", {"host": "hid", "subsets": [subset("v1"), subset("v2")]})
    one = {"destination": {"host": "hid", "subset": "v1"}, "weight": 70}
    two = {"destination": {"host": "hid", "subset": "v2"}, "weight": 30}
    mesh.add("VirtualService", "hid", {"hosts": ["hid"], "http": [{"route": [one, two]}]})


BESIDE = {
    "partner": partner,
    "sidecar": sidecar,
    "headless": headless,
    "vm": virtual_machine,
    "ports": more_ports,
    "hidden": hidden_service,
}


def compose(seed: int) -> Composed:
    """The mesh of a seed: an owner of the rules, DestinationRules, and up to two things more."""
    dice = random.Random(seed)
    mesh = Composed(dice)
    owner, named = dice.choice(sorted(OWNERS)), dice.choice(sorted(RULES))
    beside = dice.sample(sorted(BESIDE), dice.choice([0, 1, 1]))
    mesh.features = [owner, named, *beside, dice.choice(sorted(EXTRAS))]
    if dice.random() < 0.5 and not beside:
        mesh.features.append(dice.choice(sorted(EXTRAS)))
    for name in beside:
        if name == "partner":
            partner(mesh)
    RULES[named](mesh)
    OWNERS[owner](mesh)
    for name in beside:
        if name != "partner":
            BESIDE[name](mesh)
    return mesh


def text(mesh: Composed) -> str:
    def all_of(objects: list[Obj]) -> str:
        return "---\n".join(yaml.safe_dump(obj, sort_keys=False) for obj in objects)

    title = f"# {', '.join(dict.fromkeys(mesh.features))}\n"
    younger = f"{LATER}\n---\n{all_of(mesh.younger)}" if mesh.younger else ""
    return f"{title}{all_of(mesh.objects)}{younger}"


if __name__ == "__main__":
    for seed in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        Path(sys.argv[1], f"mix-{seed:03}.yaml").write_text(text(compose(seed)))

"""More random meshes for `record.py`: the features of `composed`, more of them at once, and others.

`python -m tests.recorded.composed_more FOLDER FIRST LAST` writes `mix-SEED.yaml` for each seed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.recorded.composed import (
    BESIDE,
    EXTRAS,
    FULL,
    NARROW,
    OWNERS,
    PARTNER,
    RULES,
    Composed,
    Obj,
    destination_rule,
    one_owner,
    partner,
    rule,
    rules,
    server,
    subset,
    text,
)

API, SECURITY = "gateway.networking.k8s.io/v1", "security.istio.io/v1"
PAY = "pay.or-b.svc.cluster.local"


def add(mesh: Composed, api: str, kind: str, name: str, spec: Obj, namespace: str = "or-a") -> Obj:
    made = mesh.add(kind, name, spec, namespace)
    made["apiVersion"] = api
    return made


# Who has the rules


def two_delegates(mesh: Composed) -> None:
    """A root whose delegates stand in several namespaces, private or exported to it."""
    dice, entries = mesh.dice, []
    for name in ("first", "second"):
        space = dice.choice(["or-a", "or-b", "or-c"])
        mesh.abroad = space != "or-a"
        export: Obj = dice.choice([{}, {}, {"exportTo": ["or-a"]}, {"exportTo": ["."]}])
        mesh.add("VirtualService", name, {"http": rules(mesh), **export}, space)
        entry: Obj = {"delegate": {"name": name, "namespace": space}}
        if name == "first" or dice.random() < 0.4:
            entry["match"] = [dict(m) for m in dice.sample(NARROW[:8], dice.choice([1, 2]))]
        if dice.random() < 0.3:
            entry["match"] = [
                {**m, "sourceLabels": {"app": "client"}} for m in entry.get("match") or [{}]
            ]
        entries.append(entry)
    mesh.abroad = False
    if dice.random() < 0.6:
        entries.append(rule(mesh, True))
    mesh.add("VirtualService", "rev", {"hosts": ["rev"], "http": entries})


def edge_delegated(mesh: Composed) -> None:
    """One VirtualService for a gateway and the mesh, whose delegates have the rules."""
    dice = mesh.dice
    mesh.edge = "or-1.example.com"
    doors(mesh)
    space = dice.choice(["or-a", "or-b"])
    mesh.abroad = space != "or-a"
    mesh.add("VirtualService", "leaf", {"http": rules(mesh)}, space)
    mesh.abroad = False
    entry: Obj = {"delegate": {"name": "leaf", "namespace": space}}
    if dice.random() < 0.7:
        entry["match"] = [{"uri": {"prefix": dice.choice(["/api", "/"])}}]
    side: list[Obj] = [{}, {"gateways": ["gate"]}, {"gateways": ["mesh"]}]
    more = dice.choice(side)
    if more:
        entry["match"] = [{**one, **more} for one in entry.get("match") or [{}]]
    spec = {"hosts": ["rev", mesh.edge], "gateways": ["gate", "mesh"]}
    mesh.add("VirtualService", "rev", {**spec, "http": [entry, rule(mesh, True)]})


def doors(mesh: Composed) -> None:
    """Two Gateways for one workload, with several servers and hosts that overlap."""
    dice = mesh.dice
    hosts = [[mesh.edge], ["*.example.com"], ["*"], [mesh.edge, "or-2.example.com"]]
    mine = [server(8080, "HTTP", dice.choice(hosts[:2] + hosts[3:]))]
    if dice.random() < 0.5:
        mine.append(server(18081, "HTTP", dice.choice(hosts)))
    if dice.random() < 0.3:
        mine[-1]["tls"] = {"httpsRedirect": True}
    mesh.add("Gateway", "gate", {"selector": {"istio": "ingressgateway"}, "servers": mine})
    other = [server(dice.choice([8080, 18081, 18082]), "HTTP", dice.choice(hosts[:2]))]
    spec = {"selector": {"istio": dice.choice(["ingressgateway", "none"])}, "servers": other}
    mesh.add("Gateway", "gate-b", spec, dice.choice(["or-a", "or-b"]))


def two_doors(mesh: Composed) -> None:
    """VirtualServices bound to several Gateways, some of another namespace."""
    dice = mesh.dice
    mesh.edge = "or-1.example.com"
    doors(mesh)
    one_owner(mesh)
    space = mesh.objects[-2]["metadata"]["namespace"]
    both = ["gate", f"{space}/gate-b"]
    found = rules(mesh)
    for entry in found:
        if dice.random() < 0.4:
            side = {"gateways": [dice.choice(both)]}
            entry["match"] = [{**one, **side} for one in entry.get("match") or [{}]]
    host = dice.choice([[mesh.edge], ["*.example.com"], [mesh.edge, "or-2.example.com"]])
    mesh.add("VirtualService", "edge", {"hosts": host, "gateways": both, "http": found})
    if dice.random() < 0.6:
        mesh.abroad = True
        spec = {"hosts": [mesh.edge], "gateways": [f"{space}/gate-b"], "http": rules(mesh)}
        export: Obj = dice.choice([{}, {"exportTo": ["."]}, {"exportTo": ["istio-system"]}])
        made = mesh.add("VirtualService", "edge-b", {**spec, **export}, "or-b")
        mesh.grow(made)


def services_as_versions(mesh: Composed) -> None:
    """Each version is a Service of its own, as progressive delivery tools have them."""
    port = {"port": mesh.dice.choice([9080, 9080, 8080]), "name": "http", "targetPort": 9080}
    for name in ("primary", "canary"):
        spec = {"ports": [port], "selector": {"app": "rev", "role": name}}
        mesh.add("Service", f"rev-{name}", spec)
    split = [
        {"destination": {"host": f"rev-{name}"}, "weight": weight}
        for name, weight in (("primary", 80), ("canary", 20))
    ]
    found = rules(mesh)[:-1]
    last = {**rule(mesh, True), "route": split}
    mesh.add("VirtualService", "rev", {"hosts": ["rev"], "http": [*found, last]})


def http_route(mesh: Composed) -> None:
    """An HTTPRoute has the rules, perhaps beside a VirtualService of another namespace."""
    dice = mesh.dice
    parent: Obj = {"group": "", "kind": "Service", "name": "rev"}
    if dice.random() < 0.4:
        parent["port"] = 9080
    space = dice.choice(["or-a", "or-a", "or-b"])
    if space != "or-a":
        parent["namespace"] = "or-a"
    backends = [{"name": "rev", "port": 9080, "weight": 80}, {"name": "det", "port": 9080}]
    if space != "or-a":
        backends = [{"name": "rev", "port": 9080, "weight": 3}, {"name": "pay", "port": 9080}]
    narrow = [
        {"path": {"type": "PathPrefix", "value": "/api"}},
        {"headers": [{"name": "x-canary", "value": "1"}]},
        {"method": "POST"},
    ]
    entry: Obj = {"matches": dice.sample(narrow, dice.choice([1, 2])), "backendRefs": backends[1:]}
    if dice.random() < 0.4:
        entry["filters"] = [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "x-stage", "value": "1"}]},
            }
        ]
    rest: Obj = {"backendRefs": backends}
    if dice.random() < 0.4:
        rest["timeouts"] = {"request": "3s"}
    spec = {"parentRefs": [parent], "rules": [entry, rest] if dice.random() < 0.8 else [rest]}
    add(mesh, API, "HTTPRoute", "rev", spec, space)
    if dice.random() < 0.5:
        mesh.abroad = True
        where = dice.choice(["or-a", "or-b", "or-c"])
        export: Obj = dice.choice([{}, {"exportTo": ["."]}, {"exportTo": ["or-b"]}])
        made = mesh.add(
            "VirtualService", "beside", {"hosts": [FULL], "http": rules(mesh), **export}, where
        )
        if dice.random() < 0.5:
            mesh.grow(made)


MORE_OWNERS = {
    "two-delegates": two_delegates,
    "edge-delegated": edge_delegated,
    "two-doors": two_doors,
    "services-as-versions": services_as_versions,
    "http-route": http_route,
}


# DestinationRules


def odd_labels(mesh: Composed) -> None:
    """Subsets by two labels, by one that no pod has, by where a pod runs."""
    mesh.subsets = ["blue", "green", "here"]
    labels = [
        {"app": "rev", "version": "v1"},
        {"role": "canary", "version": mesh.dice.choice(["v3", "v2"])},
        mesh.dice.choice([{"kubernetes.io/hostname": "rig"}, {"role": "primary"}, {}]),
    ]
    subsets = [
        {"name": name, **({"labels": found} if found else {})}
        for name, found in zip(mesh.subsets, labels, strict=True)
    ]
    destination_rule(mesh, "rev", subsets=subsets)


def port_policies(mesh: Composed) -> None:
    """Settings for a port, of the host and of a subset, with and without TLS."""
    dice = mesh.dice
    forms: list[Obj] = [
        {"tls": {"mode": "DISABLE"}},
        {"tls": {"mode": "ISTIO_MUTUAL"}},
        {"loadBalancer": {"simple": "RANDOM"}},
        {"connectionPool": {"tcp": {"maxConnections": 2}}},
        {"outlierDetection": {"consecutive5xxErrors": 1, "maxEjectionPercent": 100}},
    ]

    def policy() -> Obj:
        ports = [
            {"port": {"number": number}, **dice.choice(forms)}
            for number in dice.sample([9080, 8080, 80], dice.choice([1, 2]))
        ]
        return {**dice.choice([*forms, {}]), "portLevelSettings": ports}

    made = destination_rule(mesh, "rev")
    made["spec"]["trafficPolicy"] = policy()
    if dice.random() < 0.6:
        made["spec"]["subsets"][1]["trafficPolicy"] = policy()


def three_layers(mesh: Composed) -> None:
    """A wildcard of the root namespace, one of the service's, and one of a client's."""
    dice = mesh.dice
    wide = ["*.local", "*.svc.cluster.local", "*.or-a.svc.cluster.local", FULL]
    destination_rule(mesh, "or-root", "istio-system", "*.or-a.svc.cluster.local")
    if dice.random() < 0.7:
        destination_rule(mesh, "rev", host=dice.choice(wide[2:]))
    more = dice.choice([{}, {"subsets": [subset("v1")]}, {"workloadSelector": SELECTED}])
    destination_rule(mesh, "mine", dice.choice(["or-a", "or-b"]), dice.choice(wide), **more)


SELECTED: Obj = {"matchLabels": {"app": "client"}}

MORE_RULES = {
    "odd-labels": odd_labels,
    "port-policies": port_policies,
    "three-layers": three_layers,
}


# What stands beside


def entry_of_pods(mesh: Composed) -> None:
    """A ServiceEntry that selects pods, with subsets and weights of its own."""
    dice = mesh.dice
    port = {"number": 9080, "name": "http", "protocol": "HTTP"}
    entry: Obj = {
        "hosts": ["shared.or-a.test"],
        "ports": [port],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "workloadSelector": {"labels": {"app": "rev"}},
    }
    if dice.random() < 0.5:
        entry["addresses"] = ["240.250.0.9"]
    mesh.add("ServiceEntry", "shared", entry)
    host = "shared.or-a.test"
    found = [subset("v1"), subset(dice.choice(["v2", "v9"]))]
    found[1]["name"] = "v2"
    mesh.add("DestinationRule", "shared", {"host": host, "subsets": found})
    route = [
        {"destination": {"host": host, "subset": name}, "weight": weight}
        for name, weight in (("v1", 70), ("v2", 30))
    ]
    mesh.add("VirtualService", "shared", {"hosts": [host], "http": [{"route": route}]})


def wild_entry(mesh: Composed) -> None:
    """A ServiceEntry for a wildcard, and rules for one of its names."""
    dice = mesh.dice
    http = {"number": dice.choice([80, 9080]), "name": "http", "protocol": "HTTP"}
    spec = {"hosts": ["*.wild.or-a.test"], "ports": [http], "resolution": "NONE"}
    mesh.add("ServiceEntry", "wild", {**spec, "location": "MESH_EXTERNAL"})
    host = dice.choice(["api.wild.or-a.test", "*.wild.or-a.test"])
    to = dice.choice([host, "rev"])
    target: Obj = {"host": to, **({"port": {"number": 9080}} if to == "rev" else {})}
    http_rule = {"timeout": "3s", "route": [{"destination": target}]}
    mesh.add("VirtualService", "wild-api", {"hosts": [host], "http": [http_rule]})


def narrow_sidecar(mesh: Composed) -> None:
    """A Sidecar with a listener for one port beside others, or only what is registered."""
    dice = mesh.dice
    hosts = [
        ["./*"],
        ["*/rev.or-a.svc.cluster.local", "or-b/*"],
        ["or-a/det.or-a.svc.cluster.local"],
    ]
    on_port = {
        "port": {"number": dice.choice([9080, 8080]), "protocol": "HTTP", "name": "http"},
        "hosts": dice.choice(hosts),
    }
    rest = {"hosts": dice.choice([["./*"], ["*/*"], ["~/*"]])}
    egress = dice.choice([[on_port, rest], [on_port], [rest]])
    spec: Obj = {"egress": egress}
    if dice.random() < 0.4:
        spec["outboundTrafficPolicy"] = {"mode": "REGISTRY_ONLY"}
    space = dice.choice(["or-a", "or-b"])
    mesh.add("Sidecar", "or-default", spec, space)


def other_name(mesh: Composed) -> None:
    """An ExternalName Service, which rules send to or which has rules of its own."""
    to = mesh.dice.choice(["rev.or-a.svc.cluster.local", "localhost"])
    port = {"port": 9080, "name": "http"}
    mesh.add("Service", "alias", {"type": "ExternalName", "externalName": to, "ports": [port]})
    if mesh.dice.random() < 0.6:
        split = [
            {"destination": {"host": "alias"}, "weight": 60},
            {"destination": {"host": "det"}, "weight": 40},
        ]
        host = mesh.dice.choice(["alias", "det"])
        mesh.add("VirtualService", "alias", {"hosts": [host], "http": [{"route": split}]})


def at_a_waypoint(mesh: Composed) -> None:
    """A Service that is to go through a waypoint that is not there: sidecars do not ask."""
    port = {"port": 9080, "name": "http", "targetPort": 9080}
    labels = {"istio.io/use-waypoint": "way"}
    mesh.add("Service", "wp", {"ports": [port], "selector": {"app": "rev"}}, labels=labels)
    mesh.add("DestinationRule", "wp", {"host": "wp", "subsets": [subset("v1"), subset("v2")]})
    route = [
        {"destination": {"host": "wp", "subset": name}, "weight": weight}
        for name, weight in (("v1", 75), ("v2", 25))
    ]
    mesh.add("VirtualService", "wp", {"hosts": ["wp"], "http": [{"route": route}]})


def peers(mesh: Composed) -> None:
    """What pods accept, for all of a namespace, for some of its pods, for one port."""
    dice = mesh.dice
    mode = {"mtls": {"mode": dice.choice(["STRICT", "DISABLE", "PERMISSIVE"])}}
    some = {"selector": {"matchLabels": {"app": "rev"}}}
    ports = {"portLevelMtls": {"9080": {"mode": dice.choice(["STRICT", "DISABLE"])}}}
    spec = dice.choice([mode, {**mode, **some}, {**mode, **some, **ports}])
    add(mesh, SECURITY, "PeerAuthentication", "default", spec)


def for_pay(mesh: Composed) -> None:
    """Rules of another namespace's service that send to this one's, and its policy."""
    dice = mesh.dice
    back = [
        {"destination": {"host": "pay"}, "weight": 90},
        {"destination": {"host": FULL, "subset": dice.choice(mesh.subsets)}, "weight": 10},
    ]
    if not back[1]["destination"]["subset"]:
        del back[1]["destination"]["subset"]
    export: Obj = dice.choice([{}, {"exportTo": ["."]}, {"exportTo": ["or-a"]}])
    mesh.add(
        "VirtualService", "pay", {"hosts": ["pay"], "http": [{"route": back}], **export}, "or-b"
    )
    subsets = [{"name": "v1", "labels": {"version": "v1"}}]
    mesh.add(
        "DestinationRule", "pay", {"host": PAY, "subsets": subsets}, dice.choice(["or-b", "or-c"])
    )


def route_for_det(mesh: Composed) -> None:
    """An HTTPRoute of the caller's namespace for another service, beside its VirtualService."""
    dice = mesh.dice
    space = dice.choice(["or-a", "or-b"])
    parent: Obj = {"group": "", "kind": "Service", "name": "det", "namespace": "or-a", "port": 9080}
    name = "rev" if space == "or-a" else "pay"
    spec = {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": name, "port": 9080}]}]}
    add(mesh, API, "HTTPRoute", "det", spec, space)
    if dice.random() < 0.5:
        rest = {"route": [{"destination": {"host": "det"}}], "timeout": "2s"}
        mesh.add("VirtualService", "det", {"hosts": ["det"], "http": [rest]})


MORE_BESIDE = {
    "entry-of-pods": entry_of_pods,
    "wild-entry": wild_entry,
    "narrow-sidecar": narrow_sidecar,
    "alias": other_name,
    "waypoint-label": at_a_waypoint,
    "peers": peers,
    "for-pay": for_pay,
    "route-for-det": route_for_det,
}


def compose(seed: int) -> Composed:
    """The mesh of a seed: at least one feature of this file, two or three things beside."""
    dice = random.Random(seed)
    mesh = Composed(dice)
    owners = {**OWNERS, **MORE_OWNERS}
    all_rules = {**RULES, **MORE_RULES}
    owner = dice.choice(sorted(MORE_OWNERS if dice.random() < 0.6 else owners))
    named = dice.choice(sorted(MORE_RULES if dice.random() < 0.5 else all_rules))
    beside = dice.sample(sorted(MORE_BESIDE), dice.choice([1, 1, 2]))
    beside += dice.sample(sorted(BESIDE), dice.choice([0, 1, 1]))
    mesh.features = [owner, named, *beside, dice.choice(sorted(EXTRAS))]
    if "partner" in beside:
        partner(mesh)
        mesh.hosts = [*mesh.hosts, PARTNER]
    all_rules[named](mesh)
    owners[owner](mesh)
    for name in beside:
        if name != "partner":
            {**BESIDE, **MORE_BESIDE}[name](mesh)
    return mesh


if __name__ == "__main__":
    for seed in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        Path(sys.argv[1], f"mix-{seed:03}.yaml").write_text(text(compose(seed)))

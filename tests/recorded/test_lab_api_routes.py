"""The lab's control plane against what a real istiod made of Gateways and routes.

The cases of waypoints are not held: the lab has sidecars and gateways, and no ambient mode.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest

from meshtui.lab.control.api_status import CONTROLLER, write_statuses
from meshtui.lab.control.reading import snapshot
from meshtui.lab.control.resources import configure
from meshtui.lab.control.world import GATEWAY_API, Proxy
from tests.recorded import lab_forms as forms
from tests.recorded.cases import Case, load, made_services, names
from tests.recorded.lab_meshes import Sent, put, store_of

Obj = dict[str, Any]
HERE = "10.77.0.9"
LABEL = "gateway.networking.k8s.io/gateway-name"
CLIENTS = {
    **{
        space: Proxy(space, "client", "client", {"app": "client", "version": "v1"}, *3 * (HERE,))
        for space in ("gw-a", "gw-b")
    },
    "gate": Proxy("gw-a", "gate", "gate", {LABEL: "gate"}, *3 * (HERE,), gateway=True),
}
CASES = names("gateway-api")
NOT_SERVED = ("BackendTLSPolicy", "XBackendTrafficPolicy")
"""Kinds that the lab does not have."""

OTHER_CLUSTERS = {"g-backend-policies": "the TLS of its cluster is a BackendTLSPolicy's"}
"""Cases whose clusters can't be compared, with the reason."""


HEADLESS = "head.gw-a.svc.cluster.local"
MADE = "-istio."
"""Services whose pods istiod made, which no case holds."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return of_the_lab(load(request.param, "gateway-api"))


def of_the_lab(case: Case) -> Case:
    """With an address for each Service, and the Services that istiod makes for Gateways."""
    whole = (*case.base, *case.objects)
    gateways = [o for o in whole if o["kind"] == "Gateway" and "gatewayClassName" in o["spec"]]
    made = [spoken(s, gateway) for gateway in gateways for s in made_services(gateway)]
    own = tuple(obj for obj in case.objects if obj["kind"] not in NOT_SERVED)
    return replace(
        case,
        objects=tuple(map(addressed, own)),
        base=tuple(map(addressed, (*case.base, *made))),
    )


def spoken(service: Obj, gateway: Obj) -> Obj:
    """Each port with the protocol of its listener."""
    protocols = {one["port"]: one["protocol"].lower() for one in gateway["spec"]["listeners"]}
    ports = [
        {**port, "name": f"p-{port['port']}", "appProtocol": protocols.get(port["port"], "tcp")}
        for port in service["spec"]["ports"]
    ]
    return {"apiVersion": "v1", **service, "spec": {**service["spec"], "ports": ports}}


def addressed(obj: Obj) -> Obj:
    if obj["kind"] != "Service" or "clusterIP" in obj["spec"]:
        return obj
    return obj | {"spec": {**obj["spec"], "clusterIP": address_of(name_of(obj))}}


def name_of(obj: Obj) -> str:
    return f"{obj['metadata']['name']}.{obj['metadata']['namespace']}.svc.cluster.local"


def address_of(host: str) -> str:
    number = zlib.crc32(host.encode())
    return f"10.96.{number >> 8 & 255}.{number & 255}"


def sent(case: Case, who: str) -> Sent:
    client = CLIENTS[who]
    return Sent(configure(snapshot(store_of(case)), [client]), client.pod)


def rows(case: Case) -> list[tuple[str, Obj, Sent]]:
    return [(who, found, sent(case, who)) for who, found in case.recorded["proxies"].items()]


def test_the_proxies_are_sent_the_recorded_routes(case: Case) -> None:
    for who, recorded, made in rows(case):
        found = {(table, host["name"]): host for table, host in made.virtual_hosts()}
        for host in recorded["routes"]:
            key = (host["route_config"], host["name"])
            if host["name"] == "(none)":
                assert not any(table == key[0] for table, _ in found)
                continue
            expected = {k: v for k, v in host.items() if k != "route_config"}
            assert key in found, (who, sorted(found))
            assert forms.virtual_host(found[key]) == forms.virtual_host(expected), (who, key)
        wanted = {(host["route_config"], host["name"]) for host in recorded["routes"]}
        assert {key for key, host in found.items() if ruled(host)} <= wanted, who


def ruled(host: Obj) -> bool:
    """Whether a virtual host has routes of an object of the case."""
    marks = [r.get("metadata", {}).get("filter_metadata", {}) for r in host["routes"]]
    return any("/namespaces/gw-" in mark.get("istio", {}).get("config", "") for mark in marks)


def test_the_proxies_are_sent_the_recorded_clusters(case: Case) -> None:
    if case.name in OTHER_CLUSTERS:
        pytest.skip(OTHER_CLUSTERS[case.name])
    for who, recorded, made in rows(case):
        for cluster in recorded["clusters"]:
            found = forms.cluster(made.clusters[cluster["name"]])
            assert without(found) == without(forms.plain(cluster)), who
        for name, addresses in recorded["endpoints"].items():
            if name.rpartition("|")[2] != HEADLESS and MADE not in name:
                assert forms.endpoints(made.clusters[name]) == sorted(addresses)
        for text in recorded.get("clusters_gone") or ():
            assert text not in made.clusters


def without(cluster: Obj) -> Obj:
    """Headless Services are balanced otherwise in the lab."""
    by_address = cluster["name"].endswith(f"|{HEADLESS}")
    return {k: v for k, v in cluster.items() if not by_address or k not in forms.BALANCED}


def test_the_proxies_are_sent_the_recorded_chains(case: Case) -> None:
    for who, recorded, made in rows(case):
        for listener in recorded.get("listeners") or ():
            if any("http" in chain for chain in listener["filter_chains"]):
                continue  # on a port of HTTP the lab's proxies look for nothing else
            expected = [plain_chain(chain) for chain in listener["filter_chains"]]
            found = listener_of(listener["name"], recorded, made)
            chains = forms.listener(found)["filter_chains"] if found else []
            assert [plain_chain(chain) for chain in chains] == expected, (who, listener["name"])


def listener_of(name: str, recorded: Obj, made: Sent) -> Obj | None:
    """The address of a Service is another one in the recorded cluster."""
    port = name.rpartition("_")[2]
    hosts = [c["name"].rpartition("|")[2] for c in recorded["clusters"]]
    names = [name, *(f"{address_of(host)}_{port}" for host in hosts)]
    return next((made.listeners[n] for n in names if n in made.listeners), None)


def plain_chain(chain: Obj) -> Obj:
    target = chain["tcp_proxy"]
    return {
        "match": chain.get("match") or None,
        "target": {k: target[k] for k in ("cluster", "weighted_clusters") if k in target},
        "default": chain.get("default", False),
    }


# What istiod writes into the objects

GATEWAYS_STATUS = ("Accepted", "ResolvedRefs")
"""Programmed hangs on an address of the recorded cluster."""


def test_the_status_is_the_recorded_one(case: Case) -> None:
    store = store_of(case)
    write_statuses(store, snapshot(store), "2026-11-28T03:00:00Z")
    for label, recorded in (case.recorded.get("status") or {}).items():
        kind, _, place = label.partition(" ")
        if kind in NOT_SERVED:
            continue
        found = store.get(GATEWAY_API, f"{kind.lower()}s", *place.split("/"))
        assert found is not None
        if kind == "Gateway":
            assert gateway_says(found["status"]) == gateway_says(recorded)
        else:
            parents = (found.get("status") or {}).get("parents") or []
            assert list(map(undated, parents)) == recorded


def undated(entry: Obj) -> Obj:
    conditions = [
        {key: one[key] for key in ("type", "status", "reason", "message")}
        for one in entry["conditions"]
    ]
    return {**entry, "conditions": conditions}


def gateway_says(status: Obj) -> Obj:
    whole = undated(status)["conditions"]
    return {
        "whole": [one for one in whole if one["type"] in GATEWAYS_STATUS],
        "listeners": [undated(listener) for listener in status["listeners"]],
    }


def test_a_condition_is_as_old_as_its_status() -> None:
    store = store_of(of_the_lab(load("m-invalid-only", "gateway-api")))
    for now in ("2026-11-28T03:00:00Z", "2026-11-28T04:00:00Z"):
        write_statuses(store, snapshot(store), now)
    put(store, {"apiVersion": "v1", "kind": "Service", **SERVICE})
    write_statuses(store, snapshot(store), "2026-11-28T05:00:00Z")
    found = store.get(GATEWAY_API, "httproutes", "gw-a", "rev")
    assert found is not None
    (parent,) = found["status"]["parents"]
    times = {one["type"]: one["lastTransitionTime"][11:13] for one in parent["conditions"]}
    assert times == {"Accepted": "03", "ResolvedRefs": "05"}


SERVICE = {
    "metadata": {"name": "nosuch", "namespace": "gw-a"},
    "spec": {"ports": [{"name": "http", "port": 9080}], "selector": {"app": "rev"}},
}


def test_other_controllers_keep_what_they_say() -> None:
    store = store_of(of_the_lab(load("m-weights", "gateway-api")))
    route = store.get(GATEWAY_API, "httproutes", "gw-a", "rev")
    assert route is not None
    other = {"parentRef": {"name": "x"}, "controllerName": "other.test/y", "conditions": []}
    put(store, {**route, "status": {"parents": [other]}})
    write_statuses(store, snapshot(store), "2026-11-28T03:00:00Z")
    found = store.get(GATEWAY_API, "httproutes", "gw-a", "rev")
    assert found is not None
    said = [one["controllerName"] for one in found["status"]["parents"]]
    assert said == ["other.test/y", CONTROLLER]


ELSEWHERE = (
    'Failed to assign to any requested addresses: hostname "raw.gw-a.svc.cluster.local" not found '
    'in namespace "gw-b", but it was found in namespace(s) "gw-a"'
)
PROGRAMMED = {
    "own": ("gw-a", 9090, "Programmed", "assigned to service(s) raw.gw-a.svc.cluster.local:9090"),
    "no port": ("gw-a", 81, "AddressNotUsable", 'port 81 not found for hostname "raw.gw-a'),
    "elsewhere": ("gw-b", 9090, "AddressNotUsable", ELSEWHERE),
}
"""The words of a real istiod for Gateways that name a Service as their address."""


@pytest.mark.parametrize("which", PROGRAMMED)
def test_a_gateway_is_served_by_the_service_that_it_names(which: str) -> None:
    namespace, port, reason, words = PROGRAMMED[which]
    store = store_of(of_the_lab(load("m-weights", "gateway-api")))
    address = {"type": "Hostname", "value": "raw.gw-a.svc.cluster.local"}
    spec = {
        "gatewayClassName": "istio",
        "addresses": [address],
        "listeners": [{"name": "web", "port": port, "protocol": "HTTP"}],
    }
    meta = {"name": "door", "namespace": namespace}
    put(
        store,
        {"apiVersion": f"{GATEWAY_API}/v1", "kind": "Gateway", "metadata": meta, "spec": spec},
    )
    write_statuses(store, snapshot(store), "2026-11-28T03:00:00Z")
    found = store.get(GATEWAY_API, "gateways", namespace, "door")
    assert found is not None
    programmed = found["status"]["conditions"][1]
    assert programmed["type"] == "Programmed"
    assert programmed["reason"] == reason and words in programmed["message"]

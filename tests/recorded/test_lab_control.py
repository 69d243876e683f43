"""The lab's control plane gives what a real istiod gave for the same objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.lab.api.kinds import RESOURCES
from meshtui.lab.api.options import WriteOptions
from meshtui.lab.api.request import Target
from meshtui.lab.api.status import ApiError
from meshtui.lab.api.writes import create
from meshtui.lab.store import Store
from tests.recorded import lab_forms as forms
from tests.recorded.cases import Case, load
from tests.recorded.lab_meshes import Sent, lab_names, sent, store_of

Obj = dict[str, Any]
CASES = [name for name in lab_names() if not load(name).refused]
REFUSED_BY_ENVOY = [name for name in CASES if "envoy_refused" in load(name).recorded]
AT_A_GATEWAY = [name for name in CASES if "gateway" in load(name).recorded]


def _ruled(host: Obj) -> bool:
    """Whether a virtual host has routes of a VirtualService of the case."""
    found = [r.get("metadata", {}).get("filter_metadata", {}) for r in host["routes"]]
    return any("/namespaces/or-" in meta.get("istio", {}).get("config", "") for meta in found)


def _compare_hosts(listed: list[Obj], made: Sent, also: set[str]) -> None:
    """Each recorded virtual host as it was, and no other ruled by a VirtualService of the case."""
    found = {(table, host["name"]): host for table, host in made.virtual_hosts()}
    wanted = {(host["route_config"], host["name"]) for host in listed}
    for host in listed:
        expected = forms.plain({k: v for k, v in host.items() if k != "route_config"})
        key = (host["route_config"], host["name"])
        assert key in found, sorted(found)
        assert forms.virtual_host(found[key]) == forms.virtual_host(expected)
    elsewhere = {("80", name) for name in also}
    assert elsewhere <= found.keys()
    ruled = {key for key, host in found.items() if _ruled(host) and "or-" in key[1]}
    assert ruled <= wanted | elsewhere


def _headless(case: Case) -> set[str]:
    """Hosts whose requests go to the pod that the caller chose."""
    services = [obj for obj in case.stored if obj["kind"] == "Service"]
    return {
        f"{obj['metadata']['name']}.{obj['metadata']['namespace']}.svc.cluster.local"
        for obj in services
        if obj["spec"].get("clusterIP") == "None"
    }


def _compare_clusters(listed: list[Obj], made: Sent, hosts: set[str], headless: set[str]) -> None:
    def plain(name: str, found: Obj) -> Obj:
        by_address = name.rpartition("|")[2] in headless
        return {k: v for k, v in found.items() if not by_address or k not in forms.BALANCED}

    expected = {c["name"]: plain(c["name"], forms.plain(c)) for c in listed}
    found = {
        name: plain(name, forms.cluster(c))
        for name, c in made.clusters.items()
        if name in expected or name.rpartition("|")[2] in hosts
    }
    assert found == expected
    for name, cluster in made.clusters.items():
        assert cluster["alt_stat_name"] == f"{name};"  # as in the dump of any proxy of Istio


def _compare_listeners(listed: list[Obj], made: Sent) -> None:
    """A service's address is another one on the recorded cluster: only its port is compared."""
    by_port = {name.rpartition("_")[2]: o for name, o in made.listeners.items()}
    for listener in listed:
        port = listener["name"].rpartition("_")[2]
        named = made.listeners.get(listener["name"])
        found = forms.listener(named or by_port[port])["filter_chains"]
        assert found == [{**c, "match": c["match"] or None} for c in listener["filter_chains"]]


@pytest.mark.parametrize("name", sorted(set(CASES) - set(REFUSED_BY_ENVOY)))
def test_the_client_is_sent_what_istiod_sent(name: str) -> None:
    case = load(name).recorded
    client, _ = sent(load(name))
    service = case["service"] + ".svc.cluster.local"
    _compare_hosts(case["routes"], client, set(case.get("same_routes_also_on_port_80") or ()))
    headless = _headless(load(name))
    _compare_clusters(case["clusters"], client, {service}, headless)
    for cluster, addresses in case["endpoints"].items():
        if cluster.rpartition("|")[2] not in headless:
            assert forms.endpoints(client.clusters[cluster]) == sorted(addresses)
    _compare_listeners(case.get("listeners") or [], client)
    gone = {tuple(text.split(" ", 1)) for text in case.get("virtual_hosts_gone") or ()}
    assert not gone & {(table, host["name"]) for table, host in client.virtual_hosts()}
    assert not set(case.get("clusters_gone") or ()) & client.clusters.keys()


@pytest.mark.parametrize("name", AT_A_GATEWAY)
def test_the_gateway_is_sent_what_istiod_sent(name: str) -> None:
    case = load(name).recorded
    _, gateway = sent(load(name))
    edge = case["gateway"]
    service = case["service"] + ".svc.cluster.local"
    _compare_hosts(edge["routes"], gateway, set())
    _compare_clusters(edge["clusters"], gateway, {service}, _headless(load(name)))
    _compare_listeners(edge.get("listeners") or [], gateway)


# What is refused

CUSTOM = {
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "Gateway": "gateways",
    "ServiceEntry": "serviceentries",
    "Sidecar": "sidecars",
}
REVISION = {"istio.io/rev": "rev"}
"""The recorded cluster's webhook looks at objects of its own revision only."""

ADVISED = [name for name in lab_names() if load(name).recorded["webhook"]]


def _create(store: Store, obj: Obj) -> tuple[str, list[str]]:
    """What a client is answered: the status and message of a refusal, and the warnings."""
    meta = obj["metadata"]
    version = obj["apiVersion"].split("/")[1]
    resource = next(r for r in RESOURCES if r.kind.plural == CUSTOM[obj["kind"]])
    target = Target("create", resource, version, meta["namespace"])
    labelled = {**obj, "metadata": {**meta, "labels": REVISION}}
    try:
        made = create(store, target, labelled, WriteOptions(manager="test"))
    except ApiError as error:
        return f"{error.code} {error.message}", []
    return "", list(made.warnings)


def _words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ADVISED)
def test_the_api_server_refuses_and_warns_in_the_webhooks_words(name: str) -> None:
    case = load(name)
    store = store_of(replace(case, objects=()))
    said = []
    for obj in (o for o in case.objects if o["kind"] in CUSTOM):
        refusal, warnings = _create(store, obj)
        who = f"{obj['kind']} {obj['metadata']['name']}"
        said += [f"{who}: {_words(refusal)}"] if refusal else []
        said += [f'{who}: warning: 299 - "{_escaped(text)}"' for text in warnings]
    assert said == [_words(text) for text in case.recorded["webhook"]]


def _escaped(text: str) -> str:
    return text.replace('"', '\\"')


@pytest.mark.parametrize("name", [n for n in lab_names() if n not in ADVISED])
def test_the_api_server_lets_in_what_was_let_in(name: str) -> None:
    case = load(name)
    store = store_of(replace(case, objects=()))
    for obj in (o for o in case.objects if o["kind"] in CUSTOM):
        assert _create(store, obj) == ("", [])

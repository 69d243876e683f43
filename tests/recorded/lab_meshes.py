"""The recorded meshes, read by the lab's control plane: what each case's proxies would be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.lab.control.discovery import CLUSTERS, LISTENERS, Key
from meshtui.lab.control.reading import snapshot
from meshtui.lab.control.resources import Configuration, configure
from meshtui.lab.control.world import Proxy
from meshtui.lab.store import Store
from tests.recorded.cases import GATEWAY_API, Case, all_names, load

Obj = dict[str, Any]
GATEWAY = Proxy(
    "istio-system", "edge", "edge", {"istio": "ingressgateway"}, "0", "0", "0", gateway=True
)
_HERE = "10.77.0.9"


def lab_names() -> list[str]:
    """The cases without objects of the Gateway API, of the lab's own cluster domain.

    The lab has no others.
    """
    return [name for name in all_names() if _is_of_the_lab(load(name))]


def _is_of_the_lab(case: Case) -> bool:
    foreign = (obj["apiVersion"].startswith(GATEWAY_API) for obj in case.objects)
    return case.domain == "cluster.local" and not any(foreign)


def store_of(case: Case) -> Store:
    """A store with everything that a case stands on, each object as old as it was."""
    ages = case.recorded.get("created") or {}
    second = [0]
    store = Store(now=lambda: f"2026-08-30T10:00:{second[0]:02d}Z")
    for obj in case.base:
        put(store, obj)
    for obj in case.stored:
        second[0] = 10 + ages.get(_label(obj), 0)
        put(store, obj)
    return store


def _label(obj: Obj) -> str:
    meta = obj["metadata"]
    return f"{obj['kind']} {meta.get('namespace')}/{meta['name']}"


def put(store: Store, obj: Obj) -> None:
    group = obj["apiVersion"].rpartition("/")[0]
    kind = next(k for k in store.kinds if (k.group, k.kind) == (group, obj["kind"]))
    store.put(group, kind.plural, _started(obj) if obj["kind"] == "Pod" else _addressed(obj))


def _started(pod: Obj) -> Obj:
    address = (pod["metadata"].get("annotations") or {}).get("rig/ip", _HERE)
    ready = [{"type": "Ready", "status": "True"}]
    return pod | {"status": {"phase": "Running", "podIP": address, "conditions": ready}}


def _addressed(obj: Obj) -> Obj:
    if obj["kind"] != "Service" or "clusterIP" in obj["spec"]:
        return obj
    return obj | {"spec": {**obj["spec"], "clusterIP": "10.96.1.1"}}


def client_of(case: Case) -> Proxy:
    """The sidecar whose configuration was recorded."""
    pod, namespace = case.recorded["client"].split(".")
    labels = {"app": "client", "version": "v1"}
    return Proxy(namespace, pod, pod, labels, _HERE, _HERE, _HERE, (9080,))


class Sent:
    """What the lab's control plane sends to one proxy."""

    def __init__(self, made: Configuration, pod: str) -> None:
        self.clusters = {c["name"]: c for c in made.clusters[Key(pod, CLUSTERS)]}
        self.listeners = {o["name"]: o for o in made.listeners[Key(pod, LISTENERS)]}
        self.tables: dict[str, Obj] = {
            key.name: table for key, (table,) in made.routes.items() if key.pod == pod
        }

    def virtual_hosts(self) -> Iterator[tuple[str, Obj]]:
        for name, table in self.tables.items():
            for host in table["virtual_hosts"]:
                yield name, host


def sent(case: Case) -> tuple[Sent, Sent]:
    """To the client and to the ingress gateway."""
    client = client_of(case)
    made = configure(snapshot(store_of(case)), [client, GATEWAY])
    return Sent(made, client.pod), Sent(made, GATEWAY.pod)

"""The status that istiod writes into routes and Gateways of the Gateway API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.lab.contract import Obj, ObjectStore
from meshtui.lab.control.api_backends import Fault
from meshtui.lab.control.api_parents import CLASS, Bound, kinds_of
from meshtui.lab.control.api_translation import ParentStatus, Translated, named_services, translated
from meshtui.lab.control.hosts import fqdn
from meshtui.lab.control.reading import ROUTES, complain
from meshtui.lab.control.world import GATEWAY_API, MALFORMED, ApiObject, Service, World

CONTROLLER = "istio.io/gateway-controller"
MANAGER = "pilot-discovery"
_FINE = "No errors found"


def write_statuses(store: ObjectStore, world: World, now: str) -> None:
    """Into every object whose status is not what it should be; `now` as Kubernetes writes times."""
    made = translated(world)
    for plural in ROUTES:
        for obj in store.objects(GATEWAY_API, plural):
            meta = obj["metadata"]
            parents = made.statuses.get((obj["kind"], meta["namespace"], meta["name"]), [])
            if parents or _ours(obj):
                _write(store, plural, obj, route_status(obj, parents, now))
    gateways = {(g.namespace, g.name): g for g in world.api.gateways}
    for obj in store.objects(GATEWAY_API, "gateways"):
        gateway = gateways.get((obj["metadata"]["namespace"], obj["metadata"]["name"]))
        if gateway is not None and gateway.spec.get("gatewayClassName") == CLASS:
            try:
                status = gateway_status(obj, gateway, world, made, now)
            except MALFORMED as error:
                complain(f"status of Gateway {gateway.namespace}/{gateway.name}: {error!r}")
                continue
            _write(store, "gateways", obj, status)


def _ours(obj: Obj) -> bool:
    entries = (obj.get("status") or {}).get("parents") or []
    return any(entry.get("controllerName") == CONTROLLER for entry in entries)


def _write(store: ObjectStore, plural: str, obj: Obj, status: Obj) -> None:
    if status != obj.get("status"):
        store.put(GATEWAY_API, plural, {**obj, "status": status}, MANAGER)


def route_status(obj: Obj, parents: Iterable[ParentStatus], now: str) -> Obj:
    """Beside what other controllers say."""
    before = (obj.get("status") or {}).get("parents") or []
    others = [entry for entry in before if entry.get("controllerName") != CONTROLLER]
    own = [_entry(obj, parent, before, now) for parent in parents]
    return {**(obj.get("status") or {}), "parents": [*others, *own]}


def _entry(obj: Obj, status: ParentStatus, before: Iterable[Obj], now: str) -> Obj:
    ref = {"group": GATEWAY_API, "kind": "Gateway", **status.parent.ref}
    old: Obj = next(
        (e for e in before if e.get("parentRef") == ref and e.get("controllerName") == CONTROLLER),
        {},
    )
    bound = [place for place in status.parent.places if place.gateway]
    several = f", bound to {len(bound)} parents" if len(bound) > 1 else ""
    found = [
        _condition("Accepted", status.parent.fault, "Accepted", f"Route was valid{several}"),
        _resolved(status.unresolved),
    ]
    conditions = _dated(found, old.get("conditions") or (), obj, now)
    return {"parentRef": ref, "controllerName": CONTROLLER, "conditions": conditions}


def _condition(kind: str, fault: Fault | None, reason: str, message: str) -> Obj:
    return {
        "type": kind,
        "status": "False" if fault else "True",
        "reason": fault.reason if fault else reason,
        "message": fault.message if fault else message,
    }


def _resolved(fault: Fault | None) -> Obj:
    return _condition("ResolvedRefs", fault, "ResolvedRefs", "All references resolved")


def _dated(found: Iterable[Obj], before: Iterable[Obj], obj: Obj, now: str) -> list[Obj]:
    """A condition is as old as its status."""
    known = {one.get("type"): one for one in before}
    generation = obj["metadata"].get("generation", 0)
    return [
        {
            **one,
            "observedGeneration": generation,
            "lastTransitionTime": _since(one, known.get(one["type"]), now),
        }
        for one in found
    ]


def _since(one: Obj, old: Obj | None, now: str) -> str:
    same = old is not None and old.get("status") == one["status"]
    return str(old.get("lastTransitionTime") or now) if old is not None and same else now


def gateway_status(obj: Obj, gateway: ApiObject, world: World, made: Translated, now: str) -> Obj:
    before = obj.get("status") or {}
    listeners = list(gateway.spec.get("listeners") or ())
    broken = any(_certificate_fault(listener, gateway) for listener in listeners)
    accepted = _condition("Accepted", None, "Accepted", "Resource accepted")
    if broken:
        accepted |= {
            "reason": "ListenersNotValid",
            "message": "One or more of the Gateway's listeners are invalid",
        }
    programmed, addresses = _programmed(gateway, world)
    found = [accepted, programmed, _resolved(None)]
    old = {one.get("name"): one for one in before.get("listeners") or ()}
    return {
        **before,
        "addresses": [{"type": "Hostname", "value": host} for host in addresses],
        "conditions": _dated(found, before.get("conditions") or (), obj, now),
        "listeners": [
            _listener(one, gateway, made, obj, old.get(one["name"]) or {}, now) for one in listeners
        ],
    }


def _programmed(gateway: ApiObject, world: World) -> tuple[Obj, list[str]]:
    """Whether a Service leads to its pods, on every port that it wants."""
    wanted = sorted({int(one["port"]) for one in gateway.spec.get("listeners") or ()})
    ports: list[str] = []
    lacking: list[str] = []
    found: list[str] = []
    for host in named_services(gateway) or [_made_service(gateway)]:
        service = world.service(host)
        if service is None or service.namespace != gateway.namespace:
            lacking.append(_not_found(host, gateway, service))
            continue
        found.append(host)
        ports += [f"{host}:{number}" for number in wanted if service.port(number)]
        lacking += [
            f'port {number} not found for hostname "{host}"'
            for number in wanted
            if not service.port(number)
        ]
    fault = _unassigned(gateway, ports, lacking) if lacking else None
    message = f"Resource programmed, assigned to service(s) {' and '.join(ports)}"
    return _condition("Programmed", fault, "Programmed", message), found


def _made_service(gateway: ApiObject) -> str:
    return fqdn(f"{gateway.name}-{CLASS}", gateway.namespace)


def _not_found(host: str, gateway: ApiObject, elsewhere: Service | None) -> str:
    if elsewhere is None:
        return f'hostname "{host}" not found'
    return (
        f'hostname "{host}" not found in namespace "{gateway.namespace}", '
        f'but it was found in namespace(s) "{elsewhere.namespace}"'
    )


def _unassigned(gateway: ApiObject, ports: list[str], lacking: list[str]) -> Fault:
    reason = "AddressNotUsable" if gateway.spec.get("addresses") else "AddressNotAssigned"
    begin = f"Assigned to service(s) {' and '.join(ports)}, but failed" if ports else "Failed"
    which = "all" if ports else "any"
    return Fault(reason, f"{begin} to assign to {which} requested addresses: {'; '.join(lacking)}")


def _listener(
    listener: Mapping[str, Any],
    gateway: ApiObject,
    made: Translated,
    obj: Obj,
    old: Mapping[str, Any],
    now: str,
) -> Obj:
    fault = _certificate_fault(listener, gateway)
    bad = Fault("Invalid", "Bad TLS configuration") if fault else None
    conflict = {"type": "Conflicted", "status": "False", "reason": "NoConflicts", "message": _FINE}
    found = [
        _condition("Accepted", None, "Accepted", _FINE),
        conflict,
        _condition("Programmed", bad, "Programmed", _FINE),
        _condition("ResolvedRefs", fault, "ResolvedRefs", _FINE),
    ]
    name = str(listener["name"])
    return {
        "name": name,
        "attachedRoutes": _attached(Bound(gateway=gateway, listener=name), made),
        "supportedKinds": [{"group": GATEWAY_API, "kind": kind} for kind in kinds_of(listener)],
        "conditions": _dated(found, old.get("conditions") or (), obj, now),
    }


def _attached(place: Bound, made: Translated) -> int:
    return sum(
        any(place in status.parent.places for status in statuses)
        for statuses in made.statuses.values()
    )


def _certificate_fault(listener: Mapping[str, Any], gateway: ApiObject) -> Fault | None:
    """A lab has no Secrets: no certificate that a listener names is there."""
    tls = listener.get("tls") or {}
    refs = tls.get("certificateRefs") or ()
    if listener["protocol"] not in ("HTTPS", "TLS") or tls.get("mode") == "Passthrough" or not refs:
        return None
    name = refs[0]["name"]
    home = refs[0].get("namespace") or gateway.namespace
    words = f"invalid certificate reference /Secret/{name}., secret {home}/{name} not found"
    return Fault("InvalidCertificateRef", words)

"""What a server fills in where a client leaves it out, of the fields that anybody looks at."""

from __future__ import annotations

import itertools
import zlib

from meshtui.lab.api.kinds import KINDS
from meshtui.lab.contract import Kind, Obj
from meshtui.lab.store import Store

_SERVICES: Kind = next(k for k in KINDS if k.plural == "services")
_NO_ADDRESS = ("ExternalName",)
_BLOCK = 1 << 16


def fill_in(store: Store, kind: Kind, obj: Obj, old: Obj | None) -> None:
    """Complete a built-in object in place; what `old` was given stays with it."""
    if kind == _SERVICES:
        _service(store, obj, old)
    elif kind.group == "apps":
        spec = obj.get("spec")
        if isinstance(spec, dict):
            spec.setdefault("replicas", 1)


def _service(store: Store, obj: Obj, old: Obj | None) -> None:
    spec = obj["spec"] = obj.get("spec") or {}
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] in _NO_ADDRESS:
        return
    had = (old or {}).get("spec", {}).get("clusterIP")
    if not spec.get("clusterIP"):
        spec["clusterIP"] = had or _free_address(store, obj["metadata"])
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _free_address(store: Store, meta: Obj) -> str:
    """An address of 10.96.0.0/16, the same each time for the same service if it is free."""
    taken = {s.get("spec", {}).get("clusterIP") for s in store.items(_SERVICES)}
    first = zlib.crc32(f"{meta['namespace']}/{meta['name']}".encode())
    numbers = (n % _BLOCK for n in itertools.count(first))
    addresses = (f"10.96.{n >> 8}.{n & 255}" for n in numbers if 0 < n < _BLOCK - 1)
    return next(a for a in addresses if a not in taken)

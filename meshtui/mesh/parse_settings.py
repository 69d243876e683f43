"""The mesh's settings from the ConfigMaps of its control plane, and its domain from its proxies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.hosts import CLUSTER_DOMAIN
from meshtui.mesh.settings import Json, MeshSettings, mesh_settings

REVISION = "istio.io/rev"
"""The label that the control plane's ConfigMaps have, with the revision's name."""

DEFAULT_REVISION = "default"
_DOMAIN_FLAG = "--domain"


def parse_settings(config_maps: Iterable[Json], running: Iterable[str]) -> MeshSettings:
    """What the default revision's meshConfig says, else the first's by name.

    Without one these are Istio's defaults, marked as not known. The domain is the one that
    sidecars are injected with, else the first in `running`, what `running_domain` says of pods.
    """
    ordered = sorted(config_maps, key=_rank)
    found = next((raw for raw in ordered if _data(raw, "mesh")), None)
    domain = next(filter(None, map(_injected_domain, ordered)), "") or next(
        filter(None, running), ""
    )
    domain = domain or CLUSTER_DOMAIN
    if found is None:
        return MeshSettings(domain=domain, known=False)
    config = _config(_data(found, "mesh"))
    home = read.text(read.obj(found, "metadata"), "namespace")
    if config is None:
        return MeshSettings(domain=domain, root_namespace=home or "istio-system", known=False)
    return mesh_settings({"rootNamespace": home, **config}, domain)


def _rank(raw: Json) -> tuple[bool, str, str]:
    meta = read.obj(raw, "metadata")
    revision = read.text(read.obj(meta, "labels"), REVISION)
    return revision != DEFAULT_REVISION, revision, read.text(meta, "name")


def _data(raw: Json, key: str) -> str:
    return read.text(read.obj(raw, "data"), key)


@lru_cache(maxsize=8)
def _config(text: str) -> Mapping[str, Any] | None:
    """The meshConfig; None where the text is none. Kept, as it is asked for at every snapshot."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return found if isinstance(found, Mapping) else None


def _injected_domain(raw: Json) -> str:
    """The injector's `values` are JSON."""
    text = _data(raw, "values")
    try:
        values = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return ""
    return read.text(read.obj(values, "global", "proxy"), "clusterDomain").strip(".").lower()


def running_domain(pod: Json) -> str:
    """The part behind `.svc.` of what a pod's proxy was started with; empty where it isn't told."""
    spec = read.obj(pod, "spec")
    for container in (*read.objects(spec, "initContainers"), *read.objects(spec, "containers")):
        args = read.texts(container, "args")
        if _DOMAIN_FLAG in args[:-1]:
            domain = args[args.index(_DOMAIN_FLAG) + 1]
            return domain.partition(".svc.")[2].strip(".").lower()
    return ""

"""What a mesh as a whole is set to: meshConfig, as far as routing asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.access_logging import LogSettings, log_settings

Json = Mapping[str, Any]
_PUBLIC = ("*",)


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """The mesh's domain, root namespace and defaults; without meshConfig, Istio's own.

    `known` is false where meshConfig could not be read: then these are assumptions, and what
    rests on them says so.
    """

    domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    service_exports: tuple[str, ...] = _PUBLIC
    virtual_service_exports: tuple[str, ...] = _PUBLIC
    destination_rule_exports: tuple[str, ...] = _PUBLIC
    retries: Json | None = None
    """`defaultHttpRetryPolicy`."""

    policy: Json = field(default_factory=dict)
    """`defaultTrafficPolicy`: connectionPool and outlierDetection."""

    connect_timeout: str = "10s"
    outbound: str = "ALLOW_ANY"
    known: bool = True
    trust_domains: tuple[str, ...] = ("cluster.local",)
    """Its own name, and the others that identities of the mesh may have."""

    logs: LogSettings | None = None
    """Which access log proxies write where no Telemetry says otherwise; None: not known."""


def mesh_settings(config: Json, domain: str = "cluster.local") -> MeshSettings:
    """The settings that a meshConfig (as a mapping) makes."""
    return MeshSettings(
        domain=domain,
        root_namespace=read.text(config, "rootNamespace") or "istio-system",
        service_exports=read.texts(config, "defaultServiceExportTo") or _PUBLIC,
        virtual_service_exports=read.texts(config, "defaultVirtualServiceExportTo") or _PUBLIC,
        destination_rule_exports=read.texts(config, "defaultDestinationRuleExportTo") or _PUBLIC,
        retries=(
            read.obj(config, "defaultHttpRetryPolicy")
            if isinstance(config.get("defaultHttpRetryPolicy"), Mapping)
            else None
        ),
        policy=read.obj(config, "defaultTrafficPolicy"),
        connect_timeout=read.text(config, "connectTimeout") or "10s",
        logs=log_settings(config),
        trust_domains=(
            read.text(config, "trustDomain") or "cluster.local",
            *read.texts(config, "trustDomainAliases"),
        ),
        outbound=read.text(read.obj(config, "outboundTrafficPolicy"), "mode") or "ALLOW_ANY",
    )

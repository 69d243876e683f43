"""BackendTLSPolicies from their JSON."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh import read
from meshtui.mesh.gateway_api import BackendTlsPolicy, PolicyTarget
from meshtui.mesh.istio import Json
from meshtui.mesh.parse_rules import parse_ref

_IGNORED = "istio.io/ignore-policy-attachment"
_NO_CA = "NoValidCACertificate"


def parse_backend_tls_policy(raw: Json) -> BackendTlsPolicy:
    spec = read.obj(raw, "spec")
    validation = read.obj(spec, "validation")
    cas = read.objects(validation, "caCertificateRefs")
    system = bool(read.text(validation, "wellKnownCACertificates"))
    return BackendTlsPolicy(
        ref=parse_ref(raw, "BackendTLSPolicy"),
        created=read.created(raw),
        targets=tuple(map(_target, read.objects(spec, "targetRefs"))),
        hostname=read.text(validation, "hostname"),
        names=tuple(filter(None, map(_name, read.objects(validation, "subjectAltNames")))),
        config_map=read.text(cas[0], "name") if cas and not system else "",
        lacks_ca=next(_without_ca(raw), ""),
        ignored=read.labels(read.obj(raw, "metadata"), "annotations").get(_IGNORED, "").lower()
        == "true",
        raw=raw,
    )


def _target(raw: Json) -> PolicyTarget:
    return PolicyTarget(
        read.text(raw, "kind"), read.text(raw, "name"), read.text(raw, "sectionName")
    )


def _name(raw: Json) -> str:
    return read.text(raw, "hostname" if read.text(raw, "type") == "Hostname" else "uri")


def _without_ca(raw: Json) -> Iterator[str]:
    """What istiod says of a CA that it could not use."""
    for ancestor in read.objects(read.obj(raw, "status"), "ancestors"):
        for condition in read.objects(ancestor, "conditions"):
            if read.text(condition, "reason") == _NO_CA:
                yield read.text(condition, "message") or _NO_CA

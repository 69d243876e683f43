"""BackendTLSPolicies that do not do what they say."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts
from meshtui.mesh import read
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution import Cluster
from meshtui.mesh.resolution.backend_policies import Attachment, attachments


def idle_backend_tls(mesh: Mesh) -> Iterator[Finding]:
    """A policy that istiod makes nothing of at one of its targets."""
    for one in attachments(mesh):
        if one.why and mesh.knows("services") and mesh.knows("serviceentries"):
            yield Finding(
                "idle-backend-tls",
                WARNING,
                one.policy.ref,
                _path(one),
                f"{_name(one)} is called as if the policy were not there: {one.why}.",
                "Correct the target, its port's name, or remove the policy.",
            )


def backend_tls_without_ca(mesh: Mesh) -> Iterator[Finding]:
    """A CA that istiod could not use: sidecars then send plain text, and no mutual TLS either."""
    for one in attachments(mesh):
        if one.hosts and one.policy.lacks_ca:
            yield Finding(
                "backend-tls-without-ca",
                ERROR,
                one.policy.ref,
                "spec.validation.caCertificateRefs[0]",
                f"Sidecars call {_name(one)} in plain text, without mutual TLS, and gateways "
                f"answer 503 (UF): {one.policy.lacks_ca}.",
                "Make the ConfigMap with the key ca.crt, or name another.",
            )


def replaced_backend_tls(mesh: Mesh) -> Iterator[Finding]:
    """Callers for whom a DestinationRule counts instead: what is sent to them is not the policy's.

    One of the caller's namespace takes its place whole, one of the service's own where it sets TLS.
    """
    whole = resolved_hosts(mesh)
    for one in attachments(mesh):
        passed: dict[str, tuple[str, str]] = {}
        for host in one.hosts if not one.policy.lacks_ca else ():
            for view in (*whole.askers.views_of(host), *whole.askers.gateways):
                for cluster in view.clusters(host).values():
                    if cluster.subset is None and not _holds(one, cluster):
                        passed[str(view.client)] = _instead(cluster)
        if passed:
            who, (rules, mode) = next(iter(passed.items()))
            more = f" and {len(passed) - 1} more" if len(passed) > 1 else ""
            yield Finding(
                "replaced-backend-tls",
                WARNING,
                one.policy.ref,
                _path(one),
                f"{who}{more} do not call {_name(one)} with its TLS: {rules} counts for them"
                f"{f' (mode {mode})' if mode else ''}.",
                "Say the same tls in that DestinationRule, or remove it.",
            )


def _holds(one: Attachment, cluster: Cluster) -> bool:
    if one.port and cluster.port.number != one.port:
        return True
    tls = read.obj(cluster.policy, "tls")
    return (read.text(tls, "mode"), read.text(tls, "sni")) == ("SIMPLE", one.policy.hostname)


def _instead(cluster: Cluster) -> tuple[str, str]:
    rules = cluster.rule.rules if cluster.rule else ()
    mode = read.text(read.obj(cluster.policy, "tls"), "mode")
    return ", ".join(str(rule.ref) for rule in rules) or "nothing", mode


def _name(one: Attachment) -> str:
    host = one.hosts[0] if one.hosts else ""
    port = f" port {one.target.section}" if one.target.section else ""
    return f"{short_host(host, one.policy.ref.namespace) if host else one.target.name}{port}"


def _path(one: Attachment) -> str:
    return f"spec.targetRefs[{one.policy.targets.index(one.target)}]"

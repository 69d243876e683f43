"""What a person should know before a change is made: faults, retries, owners, blast radius."""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.changes.blast import about, gained_mirrors
from meshtui.changes.blast import blast_radius as blast_radius
from meshtui.changes.blast import moves_weight as moves_weight
from meshtui.changes.change import Caution, Change
from meshtui.changes.health import failing_ratio
from meshtui.changes.stranding import stranding as stranding
from meshtui.mesh import read
from meshtui.mesh.ambient import unheard_in_ambient
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS
from meshtui.mesh.model import Json, Mesh, Retries
from meshtui.mesh.quantity import number_of
from meshtui.mesh.resolution import world
from meshtui.mesh.routing import service_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.text import some_of
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.touched import hosts_named, roots_of
from meshtui.mesh.view import service_views

FULL_FAULT = 100.0
_NAMED = 4


def fault_findings(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """A fault that hits everybody, one that nobody sees, and what a fault switches off."""
    fault, old = change.after.get("fault"), change.before.get("fault")
    if not fault or fault == old:
        return ()
    found = []
    abort = fault.get("abort")
    if abort and abort["percent"] >= FULL_FAULT and change.after.get("match") is None:
        found.append(
            Caution("danger", "every request to the service will be answered with an error")
        )
    if abort and abort["grpc_status"] and not _speaks_grpc(mesh, change):
        text = "no port of the service is named grpc: to plain HTTP this abort is a 200, no error"
        found.append(Caution("warning", text))
    if change.after.get("retries") or change.after.get("timeout"):
        text = "while the fault is on, the rule's timeout and retries do not apply to it"
        found.append(Caution("warning", text))
    return tuple(found)


def _speaks_grpc(mesh: Mesh, change: Change) -> bool:
    """By the names of the service's ports, which is how Istio knows; true where it is unknown."""
    service = mesh.by_key.get(change.service)
    return service is None or any(port.name.startswith("grpc") for port in service.ports)


def shared_hosts(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """The other hosts of the VirtualService, whose requests go by the same rules."""
    if change.target.kind != "VirtualService" or change.action == "create":
        return ()
    whole, domain = world(mesh).shared, mesh.settings.domain
    own = service_of(mesh, change.service).host
    spelled = (own, own.removesuffix(f".{domain}"), own.removesuffix(f".svc.{domain}"))
    named = (h for root in roots_of(whole, change.target) for h in hosts_named(root, domain))
    others = [host for host in dict.fromkeys(named) if host not in (*spelled, change.service.name)]
    if not others:
        return ()
    text = f"{change.target} rules {some_of(others, _NAMED)} too: it changes there as well"
    return (Caution("warning", text),)


def ambient_findings(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """Rules of a service that callers in the ambient mesh do not ask."""
    if change.target.kind not in ("VirtualService", *ALL_ROUTE_KINDS):
        return ()
    why = unheard_in_ambient(mesh, service_of(mesh, change.service))
    text = f"{why}: callers with a sidecar alone get this change"
    return (Caution("warning", text),) if why else ()


_UNSAFE_RETRIES = ("5xx", "reset", "gateway-error", "retriable-4xx", "500", "502", "503", "504")
"""Conditions under which the first try may have been carried out before it failed."""


def retry_findings(change: Change) -> tuple[Caution, ...]:
    """Whether the retries fit into the timeout, and whether work may be done twice."""
    retries, timeout = change.after.get("retries") or {}, change.after.get("timeout")
    old = (change.before.get("retries"), change.before.get("timeout"))
    if (change.after.get("retries"), timeout) == old or not retries:
        return ()
    found = []
    attempts = 2 if retries["attempts"] is None else retries["attempts"]
    per_try = retries["per_try_timeout"]
    if per_try and timeout and per_try * (attempts + 1) > timeout + 1e-9:
        text = (
            f"{number_of(attempts, 'retry', 'retries')} of {per_try:g}s and the first try need "
            f"{per_try * (attempts + 1):g}s, the timeout is {timeout:g}s: the last ones are cut off"
        )
        found.append(Caution("warning", text))
    if attempts and Retries(attempts, per_try, retries["retry_on"] or "").ends_slow_tries:
        text = (
            f"a try that takes longer than {per_try:g}s ends the request, it is not made again: "
            "gateway-error among the conditions would"
        )
        found.append(Caution("warning", text))
    conditions = (retries["retry_on"] or "").replace(" ", "").split(",")
    unsafe = [c for c in conditions if c in _UNSAFE_RETRIES]
    if attempts and unsafe and not _reads_only(change.after.get("match")):
        text = f"retries on {', '.join(unsafe)} may do the work of a POST, PUT or DELETE twice"
        found.append(Caution("warning", text))
    return tuple(found)


def _reads_only(match: str | None) -> bool:
    """True where each match entry asks for a method that changes nothing."""
    entries = match.split(" or ") if match else [""]
    return all(any(f"method = {m}" in e for m in ("GET", "HEAD", "OPTIONS")) for e in entries)


def deletion(raw: Json) -> tuple[Caution, ...]:
    """Said of an object that is being deleted: it waits for its finalizers, and is gone then."""
    meta = read.obj(raw, "metadata")
    since = read.text(meta, "deletionTimestamp")
    if not since:
        return ()
    waits = ", ".join(read.texts(meta, "finalizers")) or "nothing that is named"
    text = (
        f"this object is being deleted since {since} and waits for {waits}: a change goes with it"
    )
    return (Caution("warning", text),)


def owners(raw: Json) -> tuple[Caution, ...]:
    """Who else writes this object, by its labels, annotations and field managers."""
    meta = read.obj(raw, "metadata")
    labels, notes = read.labels(meta, "labels"), read.labels(meta, "annotations")
    managers = {read.text(entry, "manager") for entry in read.objects(meta, "managedFields")}
    found = [text for present, text in _ownership(labels, notes, managers) if present]
    return tuple(Caution("warning", text) for text in found)


def _ownership(
    labels: Mapping[str, str], notes: Mapping[str, str], managers: set[str]
) -> tuple[tuple[bool, str], ...]:
    return (
        (
            any(key.startswith("argocd.argoproj.io/") for key in (*labels, *notes))
            or any(manager.startswith("argocd") for manager in managers),
            "Argo CD owns this object and will set it back at its next sync: "
            "pause auto-sync of its application first",
        ),
        (
            any(".toolkit.fluxcd.io/" in key for key in labels)
            or bool(managers & {"kustomize-controller", "helm-controller"}),
            "Flux owns this object and will set it back at its next reconciliation: "
            "`flux suspend` its Kustomization or HelmRelease first",
        ),
        (
            labels.get("app.kubernetes.io/managed-by") == "Helm",
            "Helm made this object: the next upgrade of its release will set it back",
        ),
        (
            "rollouts-controller" in managers
            or any("rollouts.argoproj.io" in key for key in (*labels, *notes)),
            "Argo Rollouts drives these weights and will set them back: pause the Rollout first",
        ),
        (
            "flagger" in managers or labels.get("app.kubernetes.io/managed-by") == "flagger",
            "Flagger drives these weights and will set them back: pause its Canary first",
        ),
    )


UPGRADED = "101"
_WEB_SOCKETS = (
    "WebSockets are open to it: what clients send over them is copied frame by frame, as long as "
    "they are open"
)


def mirror_findings(
    mesh: Mesh, change: Change, sample: Sample | None, limits: Thresholds
) -> tuple[Caution, ...]:
    """A version that fails as it is does not get better by more requests."""
    gained = gained_mirrors(change)
    if not gained or sample is None or sample.window_s <= 0:
        return ()
    found = []
    own = [service for service in mesh.services if service.key == change.service]
    for view in service_views(mesh, sample, limits, of=own):
        if view.caller is not None and view.caller.codes.get(UPGRADED):
            found.append(Caution("warning", _WEB_SOCKETS))
        for row in view.versions:
            worse = failing_ratio(row) if (row.host, row.subset or None) in gained else 0.0
            if worse:
                text = f"{about(worse * 100)} % of its requests are errors"
                found.append(Caution("warning", f"{row.label} is failing as it is: {text}"))
    return tuple(found)

"""What a person should know before a change is made: faults, retries, owners, blast radius."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Change, Finding
from meshtui.changes.stranding import stranding as stranding
from meshtui.mesh import read
from meshtui.mesh.model import Json, Mesh

FULL_FAULT = 100.0


def _place(target: Mapping[str, Any]) -> tuple[str, str | None]:
    return target["host"], target["subset"]


def fault_findings(mesh: Mesh, change: Change) -> tuple[Finding, ...]:
    """A fault that hits everybody, one that nobody sees, and what a fault switches off."""
    fault, old = change.after.get("fault"), change.before.get("fault")
    if not fault or fault == old:
        return ()
    found = []
    abort = fault.get("abort")
    if abort and abort["percent"] >= FULL_FAULT and change.after.get("match") is None:
        found.append(Finding("danger", "every request to the service will be answered an error"))
    if abort and abort["grpc_status"] and not _speaks_grpc(mesh, change):
        text = "no port of the service is named grpc: to plain HTTP this abort is a 200, no error"
        found.append(Finding("warning", text))
    if change.after.get("retries") or change.after.get("timeout"):
        text = "while the fault is on, the rule's timeout and retries do not apply to it"
        found.append(Finding("warning", text))
    return tuple(found)


def _speaks_grpc(mesh: Mesh, change: Change) -> bool:
    """By the names of the service's ports, which is how Istio knows; true where it is unknown."""
    service = mesh.by_key.get(change.service)
    return service is None or any(port.name.startswith("grpc") for port in service.ports)


_UNSAFE_RETRIES = ("5xx", "reset", "gateway-error", "retriable-4xx", "500", "502", "503", "504")
"""Conditions under which the first try may have been carried out before it failed."""


def retry_findings(change: Change) -> tuple[Finding, ...]:
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
            f"{attempts} retries of {per_try:g}s and the first try need "
            f"{per_try * (attempts + 1):g}s, the timeout is {timeout:g}s: the last ones are cut off"
        )
        found.append(Finding("warning", text))
    conditions = (retries["retry_on"] or "").replace(" ", "").split(",")
    unsafe = [c for c in conditions if c in _UNSAFE_RETRIES]
    if attempts and unsafe and not _reads_only(change.after.get("match")):
        text = f"retries on {', '.join(unsafe)} may do the work of a POST, PUT or DELETE twice"
        found.append(Finding("warning", text))
    return tuple(found)


def _reads_only(match: str | None) -> bool:
    """True where each match entry asks for a method that changes nothing."""
    entries = match.split(" or ") if match else [""]
    return all(any(f"method = {m}" in e for m in ("GET", "HEAD", "OPTIONS")) for e in entries)


def owners(raw: Json) -> tuple[Finding, ...]:
    """Who else writes this object, by its labels, annotations and field managers."""
    meta = read.obj(raw, "metadata")
    labels, notes = read.labels(meta, "labels"), read.labels(meta, "annotations")
    managers = {read.text(entry, "manager") for entry in read.objects(meta, "managedFields")}
    found = [text for present, text in _ownership(labels, notes, managers) if present]
    return tuple(Finding("warning", text) for text in found)


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


def blast_radius(change: Change, rps: float | None) -> str:
    """How much traffic is moved, in words; empty where no weight changes."""
    moved = _moved_percent(change)
    if moved < 1e-9:
        return ""
    if rps is None:
        return f"moves {moved:.3g} % of the rule's traffic (its rate is not known)"
    return f"moves {moved:.3g} % ≈ {rps * moved / 100:.3g} requests/s"


def _moved_percent(change: Change) -> float:
    old, new = _percents(change.before), _percents(change.after)
    return sum(max(0.0, new[place] - old.get(place, 0.0)) for place in new)


def _percents(rule: Mapping[str, Any]) -> dict[tuple[str, str | None], float]:
    destinations = rule.get("destinations", ())
    total = sum(d["weight"] for d in destinations)
    found: dict[tuple[str, str | None], float] = {}
    for d in destinations:
        percent = 100.0 * d["weight"] / total if total else 0.0
        found[_place(d)] = found.get(_place(d), 0.0) + percent
    return found

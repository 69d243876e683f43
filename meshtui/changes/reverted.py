"""Whether a change still stands in its object, and what stands in its place where it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.changes.shape import rule_json
from meshtui.changes.undo import Record, place_of, undo_operations
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.parse_rules import parse_virtual_service

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def stands(record: Record, spec: Json) -> bool:
    """True where every place that the change touched still holds what it left there."""
    return not undo_operations(record, spec)[1]


def what_now(record: Record, after: Mapping[str, Any], spec: Json) -> str:
    """In words, how the rule is now against how the change left it."""
    index = record.rule and place_of(record.rule, record.spec_after, spec)
    if record.rule is not None and index is None:
        return f"rule {record.rule} is gone"
    if record.rule is not None:
        rules = parse_virtual_service({"metadata": {}, "spec": spec}).rules
        place = (record.rule.protocol, index)
        found = next((rule for rule in rules if (rule.protocol, rule.index) == place), None)
        words = list(_rule_words(after, rule_json(found))) if found else []
        if words:
            return ", ".join(words)
    _, differences = undo_operations(record, spec)
    return "; ".join(f"{d.path}: {d.left} → {d.now}" for d in differences[:3])


def _rule_words(left: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    ours, theirs = _percents(left), _percents(now)
    for name in dict.fromkeys([*ours, *theirs]):
        was, is_now = ours.get(name, 0.0), theirs.get(name, 0.0)
        if abs(was - is_now) > 1e-9:
            yield f"{name} {was:.3g} → {is_now:.3g} %"
    for part in ("mirrors", "fault", "timeout", "retries"):
        if left.get(part) != now.get(part):
            yield f"{part} changed" if now.get(part) else f"{part} gone"


def _percents(rule: Mapping[str, Any]) -> dict[str, float]:
    """By subset, else by the host's first name: the same host may be spelled in two ways."""
    destinations = rule.get("destinations") or ()
    total = sum(d["weight"] for d in destinations)
    found: dict[str, float] = {}
    for d in destinations:
        name = d["subset"] or d["host"].partition(".")[0]
        found[name] = found.get(name, 0.0) + (100.0 * d["weight"] / total if total else 0.0)
    return found


def how_to_pause(raw: Json, manager: str) -> str:
    """One line on how to stop the owner that writes this object; empty where none is known.

    Only what is right for the object: Argo CD's and Flagger's switches are on objects of theirs.
    A person copies it into a shell: what is no plain name stands as a word to be replaced.
    """
    meta = read.obj(raw, "metadata")
    labels, notes = read.labels(meta, "labels"), read.labels(meta, "annotations")
    name = _plain(read.text(meta, "name"), "NAME")
    namespace = _plain(read.text(meta, "namespace"), "NAMESPACE")
    if manager.startswith("argocd") or any(k.startswith("argocd.argoproj.io/") for k in notes):
        tracked = notes.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
        app = tracked or labels.get("app.kubernetes.io/instance", "")
        return f"pause Argo CD: argocd app set {_plain(app, 'APP')} --sync-policy none"
    if manager == "kustomize-controller":
        kind = _plain(read.text(raw, "kind", "virtualservice"), "KIND").lower()
        return (
            f"pause Flux: kubectl -n {namespace} annotate {kind} {name} "
            "kustomize.toolkit.fluxcd.io/reconcile=disabled"
        )
    if manager == "helm-controller":
        release = _plain(labels.get("helm.toolkit.fluxcd.io/name", ""), "RELEASE")
        place = _plain(labels.get("helm.toolkit.fluxcd.io/namespace", ""), namespace)
        return f"pause Flux: flux suspend helmrelease {release} -n {place}"
    if manager == "flagger":
        owners = read.objects(meta, "ownerReferences")
        canary = next((read.text(o, "name") for o in owners if o.get("kind") == "Canary"), "")
        patch = """'{"spec":{"suspend":true}}'"""
        target = f"-n {namespace} patch canary {_plain(canary, 'CANARY')}"
        return f"pause Flagger: kubectl {target} --type merge -p {patch}"
    if manager == "rollouts-controller":
        return f"pause Argo Rollouts: kubectl argo rollouts pause -n {namespace} ROLLOUT"
    return ""


def _plain(text: str, otherwise: str) -> str:
    """A name as it may stand in a command that a person copies."""
    return text if _PLAIN.fullmatch(text) else otherwise

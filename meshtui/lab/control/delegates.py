"""A rule that delegates, merged with the rules of the VirtualService it delegates to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.lab.contract import Obj

Rule = Mapping[str, Any]

_INHERITED = (
    "rewrite", "directResponse", "timeout", "retries", "fault", "mirror", "mirrorPercent",
    "mirror_percent", "mirrorPercentage", "corsPolicy", "mirrors", "headers",
)  # fmt: skip
"""What the root's rule gives to a leaf's that does not say it itself."""

_TEXTS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams")


def merged_rules(root: Rule, leaves: Iterable[Rule]) -> list[Obj]:
    """One rule for each of the leaf's; what contradicts the root is left out."""
    found = [_merged_rule(root, leaf) for leaf in leaves]
    return [rule for rule in found if rule is not None]


def _merged_rule(root: Rule, leaf: Rule) -> Obj | None:
    matches = _merged_matches(root.get("match") or [], leaf.get("match") or [])
    if matches is None:
        return None
    given = {key: root[key] for key in _INHERITED if root.get(key) is not None}
    own = {key: value for key, value in leaf.items() if value is not None and key != "delegate"}
    rule: Obj = {**given, **own}
    name = _joined(root.get("name"), leaf.get("name"))
    return {**rule, **({"name": name} if name else {}), "match": matches}


def _joined(root: object, leaf: object) -> str:
    return "-".join(str(name) for name in (root, leaf) if name)


def _merged_matches(roots: list[Rule], leaves: list[Rule]) -> list[Rule] | None:
    """None where a match of the leaf lies outside all of the root's."""
    if not roots or not leaves:
        return leaves or roots
    found: list[Rule] = []
    for leaf in leaves:
        fitting = [_merged_match(root, leaf) for root in roots if not _contradicts(root, leaf)]
        if not fitting:
            return None
        found += fitting
    return found


def _merged_match(root: Rule, leaf: Rule) -> Obj:
    merged: Obj = {**root, **{key: value for key, value in leaf.items() if value}}
    for key in (*_MAPS, "sourceLabels"):
        both = {**(root.get(key) or {}), **(leaf.get(key) or {})}
        merged |= {key: both} if both else {}
    merged["ignoreUriCase"] = bool(leaf.get("ignoreUriCase"))
    name = _joined(root.get("name"), leaf.get("name"))
    return {**merged, **({"name": name} if name else {})}


def _contradicts(root: Rule, leaf: Rule) -> bool:
    """Whether the leaf asks for something that the root's match does not let through."""
    if any(_text_contradicts(root.get(key), leaf.get(key)) for key in _TEXTS):
        return True
    for key in _MAPS:
        outer = root.get(key) or {}
        inner = leaf.get(key) or {}
        if any(_text_contradicts(outer.get(name), text) for name, text in inner.items()):
            return True
    return (
        bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase"))
        or bool(root.get("port") and leaf.get("port") and root["port"] != leaf["port"])
        or bool(
            root.get("sourceNamespace")
            and leaf.get("sourceNamespace") != root.get("sourceNamespace")
        )
        or _labels_contradict(root.get("sourceLabels") or {}, leaf.get("sourceLabels") or {})
        or _gateways_contradict(root.get("gateways") or [], leaf.get("gateways") or [])
    )


def _labels_contradict(root: Mapping[str, str], leaf: Mapping[str, str]) -> bool:
    return any(name in root and root[name] != value for name, value in leaf.items())


def _gateways_contradict(root: list[str], leaf: list[str]) -> bool:
    return bool(root and leaf) and (len(root) < len(leaf) or not set(leaf) <= set(root))


def _text_contradicts(root: Rule | None, leaf: Rule | None) -> bool:
    """Only an exact or longer text under an exact or prefix one is surely inside it."""
    if root is None or leaf is None:
        return False
    outer = {key: str(root.get(key) or "") for key in ("exact", "prefix", "regex")}
    inner = {key: str(leaf.get(key) or "") for key in ("exact", "prefix", "regex")}
    if outer["exact"] and not inner["regex"]:
        return inner["exact"] != outer["exact"] or bool(inner["prefix"])
    if outer["prefix"] and not inner["regex"]:
        longer = inner["prefix"] or inner["exact"]
        return not longer.startswith(outer["prefix"]) if longer else True
    return True

"""What rules of all kinds have: destinations with weights, gateways, `exportTo`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings

Rule = Mapping[str, Any]


def destination(chosen: Rule) -> Iterator[str | None]:
    host = str(chosen.get("host") or "")
    yield f"invalid destination host {host}" if host == "*" else words.wildcard_domain(host)
    if chosen.get("subset"):
        yield words.subset(str(chosen["subset"]))
    if chosen.get("port") is not None:
        yield words.port((chosen["port"] or {}).get("number"))


def no_headers(headers: Rule | None) -> Iterable[str | None]:
    del headers
    return ()


def destinations(
    entries: list[Rule], headers: Callable[[Rule | None], Iterable[str | None]] = no_headers
) -> Findings:
    """A rule's destinations; with several, some has a weight."""
    found = Findings()
    total = 0
    for entry in entries:
        chosen = entry.get("destination")
        if chosen is None:
            found.error("destination is required", listed=True)
        found.all_of(headers(entry.get("headers")))
        if chosen is not None:
            found.all_of(destination(chosen))
        weight = int(entry.get("weight") or 0)
        if weight < 0:
            found.error(f"weight {weight} < 0")
        total += weight
    if len(entries) > 1 and total == 0:
        found.error("total destination weight = 0")
    return found


def gateway_names(names: list[str]) -> Findings:
    found = Findings()
    for text in names:
        namespace, slash, name = text.partition("/")
        if not slash:
            if "." in text:
                parts = text.split(".")
                found.warn(
                    f"using legacy gatewayName format {words.quoted(text)}; prefer the "
                    f'<namespace>/<name> format: "{parts[1]}/{parts[0]}"'
                )
            found.all_of([words.fqdn(text)])
            return found
        if not namespace or not name:
            found.error("config namespace and gateway name cannot be empty")
        if not words.is_label(namespace):
            found.error(f"invalid value for namespace: {words.quoted(namespace)}")
        if not words.is_label(name):
            found.error(f"invalid value for gateway name: {words.quoted(name)}")
    return found


def exports(namespace: str, listed: list[str], selector: bool = False) -> Findings:
    """`exportTo`; with a workloadSelector nothing beyond the own namespace."""
    found = Findings()
    seen: set[str] = set()
    for entry in listed:
        key = namespace if entry == "." else entry
        if key in seen:
            twice = f". and current namespace {namespace}" if key != entry else f"entry {entry}"
            linked = twice if key != entry else f"for {twice}"
            found.error(f"duplicate entries in exportTo: {linked}" if key != entry
                        else f"duplicate entries in exportTo {linked}")  # fmt: skip
        elif key not in ("*", "~") and not words.is_label(key):
            found.error(f"only .,*, or a valid DNS 1123 label is allowed as exportTo entry: {key}")
        else:
            seen.add(key)
    if selector and seen:
        if namespace not in seen:
            found.error(
                "destination rule with workload selector cannot have exportTo beyond current "
                "namespace"
            )
        elif len(seen) > 1:
            found.error(
                "destination rule with workload selector cannot have multiple entries in exportTo"
            )
    if "*" in seen and len(listed) > 1:
        found.error("cannot have both public (*) and non-public exportTo values for a resource")
    return found

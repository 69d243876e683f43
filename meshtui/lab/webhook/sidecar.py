"""A Sidecar: the hosts that its egress listeners let in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings


def sidecar(namespace: str, spec: Mapping[str, Any]) -> Findings:
    found = Findings()
    listeners = spec.get("egress") or []
    everything = False
    for place, listener in enumerate(listeners):
        if listener.get("port") is None:
            if everything:
                found.error("sidecar: egress can have only one listener with empty port")
                continue
            everything = place == len(listeners) - 1
            if not everything:
                found.error(
                    "sidecar: the egress listener with empty port should be the last listener in "
                    "the list"
                )
        hosts = [str(host) for host in listener.get("hosts") or ()]
        if not hosts:
            found.error("sidecar: egress listener must contain at least one host")
        found.add(_hosts(namespace, hosts))
    return found


def _hosts(namespace: str, hosts: list[str]) -> Findings:
    found = Findings()
    known: dict[str, set[str]] = {}
    for text in hosts:
        home, slash, name = text.partition("/")
        if slash and not home.startswith("~"):
            names = known.setdefault(namespace if home == "." else home, set())
            if (names and name == "*") or names & {name, "*"}:
                found.warn(f"duplicated egress host: {text}")
            names.add(name)
        found.all_of(_host(home, slash, name))
    if "*" in known.get("*", ()) and len(known) > 1:
        found.warn("`*/*` host select all resources, no other hosts can be added")
    return found


def _host(home: str, slash: str, name: str) -> Iterator[str | None]:
    if not slash:
        yield "host must be of form namespace/dnsName"
        return
    if not home or not name:
        yield "config namespace and dnsName in host entry cannot be empty"
    plain = home.removeprefix("~")
    if plain not in ("", "*", ".") and not words.is_label(plain):
        yield f"invalid namespace value {words.quoted(home)} in sidecar"
    yield None if name == "*" else words.wildcard_domain(name)

"""Several contexts at once: which of them a person means, by name, list or group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.errors import Usage
from meshtui.kube.login import server_of
from meshtui.mesh.nearest import near_names, nearest_words
from meshtui.mesh.text import clean

Groups = Mapping[str, tuple[str, ...]]


def members_of(given: str, config: Mapping[str, Any], groups: Groups) -> tuple[str, ...]:
    """The contexts of `east,west` or of a group; empty where `given` is one context, or may be.

    Raises `Usage` for a name that is neither a context nor a group, one that stands twice, and
    for two contexts of one cluster, whose services would be counted twice.
    """
    names = [str(entry["name"]) for entry in config["contexts"]]
    if given in names or ("," not in given and given not in groups):
        return ()
    found: list[str] = []
    for word in filter(None, map(str.strip, given.split(","))):
        members = (word,) if word in names else groups.get(word, (word,))
        found += members
    _refuse_wrong(found, names, groups)
    _refuse_same_cluster(found, config)
    if not found:
        raise Usage("--context names no context", _there_are(names))
    return tuple(found) if len(found) > 1 else ()


def _refuse_wrong(found: Iterable[str], names: list[str], groups: Groups) -> None:
    seen: set[str] = set()
    for name in found:
        if name not in names:
            hint = _there_are(names, name, groups)
            raise Usage(f"no context named {clean(name, 80)}", clean(hint))
        if name in seen:
            raise Usage(f"context {clean(name, 80)} stands twice", "name each of them once")
        seen.add(name)


def _there_are(names: list[str], wrong: str = "", groups: Iterable[str] = ()) -> str:
    near = near_names(wrong, [*names, *groups]) if wrong else []
    return nearest_words(wrong, near or names, "the kubeconfig has none")


def _refuse_same_cluster(found: Iterable[str], config: Mapping[str, Any]) -> None:
    """Two contexts of one server, as another user or in another namespace."""
    of = {str(entry["name"]): entry.get("context") or {} for entry in config["contexts"]}
    clusters = {str(entry["name"]): entry.get("cluster") or {} for entry in config["clusters"]}
    first: dict[str, str] = {}
    for name in found:
        cluster = str(of[name].get("cluster") or "")
        server = server_of(clusters.get(cluster) or {}) or cluster
        if server in first:
            raise Usage(
                f"{clean(first[server], 80)} and {clean(name, 80)} are the same cluster",
                "its services would be counted twice; leave out one of them",
            )
        first[server] = name

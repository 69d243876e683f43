"""Which kubeconfig, which context: read the way kubectl reads them, without connecting.

Rules: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
(`KUBECONFIG` may list several files, the first to name a thing wins, relative paths are
relative to the file that holds them).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from meshtui.dataclass import dataclass
from meshtui.errors import Unreachable, Usage
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.text import clean
from meshtui.paths import kubeconfig_paths

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there: a kubeconfig of many clusters takes the other a second."""

_SECTIONS = ("clusters", "contexts", "users")
_PATH_KEYS = (
    "certificate-authority",
    "client-certificate",
    "client-key",
    "tokenFile",
)


@dataclass(frozen=True, slots=True)
class Context:
    """One context of the kubeconfig, by names; `namespace` is "default" where none is set."""

    name: str
    cluster: str
    user: str
    namespace: str


def read_kubeconfig(given: str | None) -> dict[str, Any]:
    """All files merged into one kubeconfig with absolute paths.

    Raises Unreachable where there is no file at all and Usage where one cannot be understood.
    """
    paths = kubeconfig_paths(given)
    found = [path for path in paths if path.is_file()]
    if not found:
        looked = ", ".join(str(path) for path in paths)
        raise Unreachable(
            f"no kubeconfig found at {looked}", "set KUBECONFIG or try `meshtui demo`"
        )
    merged: dict[str, Any] = {section: [] for section in _SECTIONS}
    for path in found:
        _merge(merged, _read(path), path.absolute().parent)
    return merged


def choose_context(config: Mapping[str, Any], name: str | None) -> Context:
    """The context called `name`, or the current one. Raises Usage naming what there is."""
    names = [str(entry["name"]) for entry in config["contexts"]]
    wanted = name or str(config.get("current-context") or "")
    nothing = "the kubeconfig has none"
    if not wanted:
        there_are = nearest_words("", names, nothing)
        raise Usage("the kubeconfig has no current context", f"use --context; {there_are}")
    for entry in config["contexts"]:
        if entry["name"] == wanted:
            return _context(entry)
    hint = clean(nearest_words(wanted, names, nothing))
    raise Usage(f"no context named {clean(wanted, 80)}", hint)


def contexts(kubeconfig: str | None = None) -> tuple[tuple[Context, ...], str]:
    """Every context of the kubeconfig and the name of the current one ("" where none is set)."""
    config = read_kubeconfig(kubeconfig)
    return tuple(map(_context, config["contexts"])), str(config.get("current-context") or "")


def _context(entry: Mapping[str, Any]) -> Context:
    fields = entry.get("context") or {}
    return Context(
        name=str(entry["name"]),
        cluster=str(fields.get("cluster") or ""),
        user=str(fields.get("user") or ""),
        namespace=str(fields.get("namespace") or "default"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Usage(f"the kubeconfig {path} cannot be read", clean(str(error), 200)) from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise Usage(f"the kubeconfig {path} is not a kubeconfig")
    return config


def _merge(merged: dict[str, Any], config: dict[str, Any], folder: Path) -> None:
    for section in _SECTIONS:
        known = {entry["name"] for entry in merged[section]}
        for entry in config.get(section) or []:
            if isinstance(entry, dict) and entry.get("name") and entry["name"] not in known:
                merged[section].append(_absolute(entry, section[:-1], folder))
    if config.get("current-context") and not merged.get("current-context"):
        merged["current-context"] = config["current-context"]


def _absolute(entry: dict[str, Any], key: str, folder: Path) -> dict[str, Any]:
    fields = entry.get(key)
    given = fields if isinstance(fields, dict) else {}
    fields = {name: value for name, value in given.items() if value not in (None, "")}
    for name in _PATH_KEYS:
        if name in fields:
            fields[name] = str(folder / str(fields[name]))
    if "tokenFile" in fields:
        fields.pop("token", None)
    if isinstance(fields.get("exec"), dict):
        fields["exec"] = _with_program(fields["exec"], folder)
    return {**entry, key: fields}


def _with_program(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A command with a separator is a path, relative to the kubeconfig; any other is on PATH."""
    command = spec.get("command")
    if not isinstance(command, str) or os.sep not in command:
        return spec
    return {**spec, "command": str(folder / command)}

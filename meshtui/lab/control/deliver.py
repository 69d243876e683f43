"""Configuration → files that Envoys watch: only what changed, each by rename, and in an order that
never leaves a route without its cluster."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from meshtui.lab.contract import Obj
from meshtui.lab.control.resources import Configuration, Files

SETTLE = 0.02
"""Seconds for an Envoy to take up one step before the next relies on it (p95 18 ms)."""


class Delivery:
    """The files below one root, and what stands in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: dict[Path, list[Obj]] = {}
        self._version = 0

    async def deliver(self, wanted: Configuration) -> None:
        """Bring the files up to date: what is added goes first, what goes away last."""
        self._version += 1
        if self._write(self._with_leaving(wanted.clusters)):
            await asyncio.sleep(SETTLE)
        changed = self._write(wanted.routes)
        changed |= self._write(wanted.listeners)
        if self._stale(wanted.clusters):
            await asyncio.sleep(SETTLE if changed else 0)
            self._write(wanted.clusters)
        self._delete_others(wanted)

    def forget(self, pod: str) -> None:
        """The pod is gone: so are its files."""
        shutil.rmtree(self.root / pod, ignore_errors=True)
        self._written = {p: r for p, r in self._written.items() if p.parts[0] != pod}

    def _with_leaving(self, clusters: Files) -> Files:
        """The wanted clusters, and those that some route may still name."""
        return {
            path: [*resources, *_leaving(self._written.get(path, []), resources)]
            for path, resources in clusters.items()
        }

    def _stale(self, clusters: Files) -> bool:
        return any(self._written.get(path) != resources for path, resources in clusters.items())

    def _write(self, files: Files) -> bool:
        changed = {p: r for p, r in files.items() if self._written.get(p) != r}
        for path, resources in changed.items():
            self._replace(self.root / path, resources)
            self._written[path] = resources
        return bool(changed)

    def _replace(self, path: Path, resources: list[Obj]) -> None:
        """Envoy reloads on a rename only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"version_info": str(self._version), "resources": resources}
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(body))
        fresh.rename(path)

    def _delete_others(self, wanted: Configuration) -> None:
        kinds = (wanted.clusters, wanted.routes, wanted.listeners)
        kept = {path for files in kinds for path in files}
        for path in [p for p in self._written if p not in kept]:
            (self.root / path).unlink(missing_ok=True)
            del self._written[path]


def _leaving(before: list[Obj], now: list[Obj]) -> list[Obj]:
    names = {resource["name"] for resource in now}
    return [resource for resource in before if resource["name"] not in names]

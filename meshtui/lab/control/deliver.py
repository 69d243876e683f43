"""Configuration → Envoys, in an order that never leaves a route without its cluster."""

from __future__ import annotations

import asyncio

from meshtui.lab.contract import Obj
from meshtui.lab.control.discovery import Discovery, Resources
from meshtui.lab.control.resources import Configuration

SETTLE = 0.02
"""Seconds for an Envoy to take up one step before the next relies on it (p95 18 ms)."""


class Delivery:
    """Publishes one configuration after the other."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._version = 0

    async def deliver(self, wanted: Configuration) -> None:
        """What is added goes first, what goes away last."""
        if self._publish(self._with_leaving(wanted.clusters)):
            await asyncio.sleep(SETTLE)
        changed = self._publish(wanted.routes)
        changed |= self._publish(wanted.listeners)
        if self._is_stale(wanted.clusters):
            await asyncio.sleep(SETTLE if changed else 0)
            self._publish(wanted.clusters)

    def _publish(self, wanted: Resources) -> bool:
        """Each step has a version of its own: an Envoy asks for what is newer than it has."""
        self._version += 1
        return self._discovery.publish(wanted, self._version)

    def _with_leaving(self, clusters: Resources) -> Resources:
        """The wanted clusters, and those that some route may still name."""
        return {
            key: [*resources, *_leaving(self._discovery.known(key), resources)]
            for key, resources in clusters.items()
        }

    def _is_stale(self, clusters: Resources) -> bool:
        return any(self._discovery.known(key) != wanted for key, wanted in clusters.items())


def _leaving(before: list[Obj], now: list[Obj]) -> list[Obj]:
    names = {resource["name"] for resource in now}
    return [resource for resource in before if resource["name"] not in names]

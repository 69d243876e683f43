"""Which of its requests a proxy is told by Telemetry not to count."""

from __future__ import annotations

from dataclasses import replace

from meshtui.lab.contract import Obj
from meshtui.lab.control.world import MALFORMED, ROOT, Config, Proxy, World, selects

TELEMETRY = "telemetry.istio.io"
CLIENT, SERVER = "CLIENT", "SERVER"
_REQUESTS = ("ALL_METRICS", "REQUEST_COUNT")


def told(world: World, proxy: Proxy) -> Proxy:
    """The proxy with the sides on which it counts no requests."""
    silent: set[str] = set()
    for config in _in_force(world, proxy):
        for metrics in config.spec.get("metrics") or ():
            for override in metrics.get("overrides") or ():
                try:
                    silent = _after(silent, override)
                except MALFORMED:
                    continue
    return replace(proxy, silent=frozenset(silent)) if silent else proxy


def _in_force(world: World, proxy: Proxy) -> list[Config]:
    """One of the root namespace, one of the proxy's and one of its own, the oldest of each."""
    own = [one for one in world.telemetries if one.namespace == proxy.namespace]
    root = [one for one in world.telemetries if one.namespace == ROOT and not _labels(one)]
    wide = [one for one in own if not _labels(one)]
    chosen = [one for one in own if _labels(one) and selects(_labels(one), proxy.labels)]
    return [*root[:1], *(wide[:1] if proxy.namespace != ROOT else ()), *chosen[:1]]


def _labels(config: Config) -> dict[str, str]:
    return (config.spec.get("selector") or {}).get("matchLabels") or {}


def _after(silent: set[str], override: Obj) -> set[str]:
    match, disabled = override.get("match") or {}, override.get("disabled")
    if disabled is None or match.get("metric", "ALL_METRICS") not in _REQUESTS:
        return silent
    mode = match.get("mode")
    sides = {mode} if mode in (CLIENT, SERVER) else {CLIENT, SERVER}
    return silent | sides if disabled else silent - sides

"""How the connection to the cluster is doing, as one state for the header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshtui.operations.types import FeedHealth

if TYPE_CHECKING:
    from meshtui.kube.pulse import Pulse
    from meshtui.kube.source import SourceHealth

WATCH_LIMIT_S = 100.0
"""A quiet watch is heard of once a minute by a bookmark, and dropped after a minute and a half."""

WORST_FIRST = ("failed", "stale", "reading", "forbidden", "ok", "missing")


def cluster_health(context: str, sources: Sequence[SourceHealth], pulse: Pulse) -> FeedHealth:
    """That of the kind that does worst; a kind that the cluster lacks is no trouble.

    All kinds come through one connection: where the server is silent, none is new.
    """
    worst = min(sources, key=lambda source: WORST_FIRST.index(source.state))
    state = "ok" if worst.state == "missing" else worst.state
    message = f"{worst.name}: {worst.message}" if worst.message else ""
    if pulse.silence and state in ("ok", "reading"):
        silent_s = min(pulse.age_s, *(source.age_s for source in sources))
        return FeedHealth(context, "stale", silent_s, pulse.silence, WATCH_LIMIT_S)
    if state == "reading":
        kinds = ", ".join(source.name for source in sources if source.state == state)
        return FeedHealth(context, state, None, kinds, WATCH_LIMIT_S)
    ages = [source.age_s for source in sources if source.state == worst.state]
    return FeedHealth(context, state, max(ages), message if state != "ok" else "", WATCH_LIMIT_S)

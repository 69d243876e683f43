"""Do the objects and a proxy mean the same for a request?"""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.route_differences import route_differences
from meshtui.envoy.trace import Followed
from meshtui.mesh.decision import Decision
from meshtui.mesh.effects import Effects


def agreement(intent: Decision, actual: Followed) -> tuple[bool | None, tuple[str, ...]]:
    """Whether they agree (None: one of them is not sure), and in what they do not."""
    found = tuple(_disagreements(intent, actual))
    if not intent.sure or not actual.decision.sure:
        return None, found
    return not found, found


def _disagreements(intent: Decision, actual: Followed) -> Iterator[str]:
    asked, taken = intent.taken, actual.decision.taken
    if asked is None or taken is None:
        if taken is not None:
            yield f"no rule takes it, the proxy does: {taken}"
        elif asked is not None:
            yield f"the proxy has no route for it, asked {asked}"
        return
    if intent.effects.connection:
        yield from _connections(intent.effects, actual.decision.effects)
        return
    if asked.owner != taken.owner:
        yield f"the proxy takes it by {taken}, asked {asked}"
        return
    if intent.route is None or actual.route is None:
        yield from _answers(intent.effects, actual.decision.effects)
    else:
        yield from route_differences(intent.route.envoy, actual.route.raw)


def _connections(asked: Effects, actual: Effects) -> Iterator[str]:
    """A chain of a listener has no name of its rule: only where it leads can be compared."""
    wanted, found = _clusters(asked), _clusters(actual)
    if wanted != found:
        yield f"connections go to {_shown(found)}, asked {_shown(wanted)}"


def _clusters(effects: Effects) -> dict[str, float]:
    found: dict[str, float] = {}
    for to in effects.destinations:
        cluster = f"outbound|{to.port}|{to.subset}|{to.host}" if to.host else to.cluster
        found[cluster] = round(found.get(cluster, 0.0) + to.percent, 3)
    return found


def _shown(clusters: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent:g}%" for name, percent in clusters.items()) or "nowhere"


def _answers(asked: Effects, actual: Effects) -> Iterator[str]:
    if asked.answer != actual.answer:
        yield f"the proxy {actual.answer or 'forwards'}, asked: {asked.answer or 'forwards'}"

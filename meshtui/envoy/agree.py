"""Do the objects and a proxy mean the same for a request?"""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.differences import differences
from meshtui.envoy.dump import parse_route
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.trace import Followed
from meshtui.mesh.decision import Decision
from meshtui.mesh.effects import Effects
from meshtui.mesh.model import Destination, Mirror, Rule


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
    yield from _answers(intent.effects, actual.decision.effects)
    if actual.route is not None and intent.rule is not None:
        yield from _names(intent.rule, actual.route)
    if actual.route is not None:
        yield from differences(_asked(intent), actual.route)
        yield from _changes(intent.effects, actual.decision.effects)


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


def _names(rule: Rule, route: ProxyRoute) -> Iterator[str]:
    """A route is called after its rule, and after its match behind a dot."""
    called = f"{route.name}.".startswith(f"{rule.name}.")
    if rule.name and route.name and not called:
        yield f"the proxy takes it by {route.name}, asked {rule.name}"


def _asked(intent: Decision) -> Rule:
    """What istiod makes of the rule, in the words of a rule; retries as the rule itself has them,
    since Istio's own differ from edition to edition.
    """
    effects = intent.effects
    route = parse_route({}, {}, intent.route.envoy) if intent.route else None
    found = route.destinations if route else ()
    weighted = tuple(Destination(d.host, d.subset, d.port, d.weight) for d in found)
    plain = tuple(Destination(d.host, d.subset, d.port) for d in effects.destinations)
    return Rule(
        0,
        destinations=weighted or plain,
        mirrors=tuple(Mirror(m.host, m.subset, m.port, m.percent) for m in effects.mirrors),
        fault=effects.fault,
        timeout_s=effects.timeout_s,
        retries=effects.retries,
        terminal=route.terminal if route else "",
    )


def _changes(asked: Effects, actual: Effects) -> Iterator[str]:
    wanted, found = ", ".join(asked.rewrites), ", ".join(actual.rewrites)
    if wanted != found:
        yield f"it rewrites {found or 'nothing'}, asked {wanted or 'nothing'}"
    for text in sorted(set(asked.headers) - set(actual.headers)):
        yield f"headers: the proxy does not {text}"
    for text in sorted(set(actual.headers) - set(asked.headers)):
        yield f"headers: the proxy does {text}, which is not asked"

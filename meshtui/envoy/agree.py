"""Do the objects and a proxy mean the same for a request?"""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.differences import differences
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.trace import Followed
from meshtui.mesh.decision import Decision
from meshtui.mesh.effects import Effects
from meshtui.mesh.model import Destination, Rule


def agreement(intent: Decision, actual: Followed) -> tuple[bool | None, tuple[str, ...]]:
    """Whether they agree (None: one of them is not sure), and in what they do not."""
    found = tuple(_disagreements(intent, actual))
    if not intent.sure or not actual.decision.sure or not intent.host:
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
    if asked.owner != taken.owner:
        yield f"the proxy takes it by {taken}, asked {asked}"
        return
    yield from _answers(intent.effects, actual.decision.effects)
    if actual.route is not None and intent.rule is not None:
        yield from _names(intent.rule, actual.route)
    if actual.route is not None:
        yield from differences(intent.rule or _plain(intent), actual.route)
        yield from _changes(intent.effects, actual.decision.effects)


def _answers(asked: Effects, actual: Effects) -> Iterator[str]:
    if asked.answer != actual.answer:
        yield f"the proxy {actual.answer or 'forwards'}, asked: {asked.answer or 'forwards'}"


def _names(rule: Rule, route: ProxyRoute) -> Iterator[str]:
    """A route is called after its rule, and after its match behind a dot."""
    called = f"{route.name}.".startswith(f"{rule.name}.")
    if rule.name and route.name and not called:
        yield f"the proxy takes it by {route.name}, asked {rule.name}"


def _plain(intent: Decision) -> Rule:
    """What Istio does by itself, as a rule."""
    targets = intent.effects.destinations
    return Rule(0, destinations=tuple(Destination(d.host, d.subset, d.port) for d in targets))


def _changes(asked: Effects, actual: Effects) -> Iterator[str]:
    wanted, found = ", ".join(asked.rewrites), ", ".join(actual.rewrites)
    if wanted != found:
        yield f"it rewrites {found or 'nothing'}, asked {wanted or 'nothing'}"
    for text in sorted(set(asked.headers) - set(actual.headers)):
        yield f"headers: the proxy does not {text}"
    for text in sorted(set(actual.headers) - set(asked.headers)):
        yield f"headers: the proxy does {text}, which is not asked"

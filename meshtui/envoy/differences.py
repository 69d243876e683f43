"""How a proxy's route differs from what a rule asks for, in the operator's words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from meshtui.envoy.actions import STATUS_CODES
from meshtui.envoy.routes import ProxyRoute, RouteDestination, RouteMirror
from meshtui.mesh.flags import GRPC_CODES
from meshtui.mesh.model import Destination, Fault, Mirror, Retries, Rule

_PERCENT = 0.01
"""Percentages closer than this are the same: Envoy counts in millionths."""

_SECONDS = 0.0005

Target = Destination | Mirror | RouteDestination | RouteMirror
Key = tuple[str, str, int]
"""Host, subset, port; the port is 0 where the rule leaves it to Istio."""

Weighted = TypeVar("Weighted", Destination, RouteDestination)


def differences(rule: Rule, route: ProxyRoute) -> tuple[str, ...]:
    """Empty where the route does what the rule asks."""
    return (
        *_destinations(rule, route),
        *_mirrors(rule, route),
        *_fault(rule.fault or Fault(), route.fault or Fault()),
        *_timeout(rule.timeout_s, route.timeout_s),
        *_retries(rule.retries, route.retries),
    )


def _destinations(rule: Rule, route: ProxyRoute) -> Iterator[str]:
    if rule.terminal != route.terminal:
        yield f"the answer is {route.terminal or 'a version'}, asked {rule.terminal or 'a version'}"
    if rule.terminal or route.terminal or not rule.destinations:
        return
    asked = _sums((d, d.weight) for d in _weighed(rule.destinations))
    actual = _sums(((d, d.weight) for d in _weighed(route.destinations)), asked)
    total, got = sum(asked.values()), sum(actual.values())
    labels = _labels((*rule.destinations, *route.destinations))
    for key in {**asked, **actual}:
        wanted = asked.get(key, 0.0)
        found = actual.get(key, 0.0) * total / got if got else 0.0
        if abs(found - wanted) * 100 > _PERCENT * total:
            yield f"{labels[key[:2]]} has weight {found:.4g}, asked {wanted:.4g}"


def _mirrors(rule: Rule, route: ProxyRoute) -> Iterator[str]:
    asked = _sums((mirror, mirror.percent) for mirror in rule.mirrors)
    actual = _sums(((mirror, mirror.percent) for mirror in route.mirrors), asked)
    labels = _labels((*rule.mirrors, *route.mirrors))
    for key in {**asked, **actual}:
        wanted, found = asked.get(key, 0.0), actual.get(key, 0.0)
        if abs(found - wanted) > _PERCENT:
            yield f"{labels[key[:2]]} gets copies of {found:.4g} %, asked {wanted:.4g} %"


def _weighed(destinations: tuple[Weighted, ...]) -> Iterable[Weighted]:
    """The destinations that get traffic, of which a single one gets all of it."""
    return destinations if len(destinations) < 2 else [d for d in destinations if d.weight > 0]


def _sums(shares: Iterable[tuple[Target, float]], asked: Collection[Key] = ()) -> dict[Key, float]:
    """What each target gets. A proxy always names a port, of which a rule may not have spoken."""
    found: dict[Key, float] = {}
    for target, share in shares:
        exact = (target.host, target.subset, target.port)
        any_port = (target.host, target.subset, 0)
        key = any_port if exact not in asked and any_port in asked else exact
        found[key] = found.get(key, 0.0) + share
    return found


def _labels(targets: Iterable[Target]) -> dict[tuple[str, ...], str]:
    return {(target.host, target.subset): target.label for target in targets}


def _fault(asked: Fault, actual: Fault) -> Iterator[str]:
    wanted, found = _delay(asked), _delay(actual)
    if not _near(wanted[0], found[0], _SECONDS) or not _near(wanted[1], found[1], _PERCENT):
        yield f"the delay is {_delay_text(found)}, asked {_delay_text(wanted)}"
    stop, stopped = _abort(asked), _abort(actual)
    if stop[0] != stopped[0] or not _near(stop[1], stopped[1], _PERCENT):
        yield f"the abort is {_abort_text(stopped)}, asked {_abort_text(stop)}"


def _delay(fault: Fault) -> tuple[float, float]:
    active = fault.delay_s > 0 and fault.delay_percent > 0
    return (fault.delay_s, fault.delay_percent) if active else (0.0, 0.0)


def _delay_text(delay: tuple[float, float]) -> str:
    return f"{delay[0]:g} s for {delay[1]:.4g} %" if delay[0] else "off"


def _abort(fault: Fault) -> tuple[str, float]:
    status = GRPC_CODES.get(fault.abort_grpc, fault.abort_grpc)
    what = f"gRPC {status}" if fault.abort_grpc else str(fault.abort_http or "")
    return (what, fault.abort_percent) if what and fault.abort_percent > 0 else ("", 0.0)


def _abort_text(abort: tuple[str, float]) -> str:
    return f"{abort[0]} for {abort[1]:.4g} %" if abort[0] else "off"


def _timeout(asked: float | None, actual: float | None) -> Iterator[str]:
    if not _near(asked or 0.0, actual or 0.0, _SECONDS):
        yield f"the timeout is {_limit(actual)}, asked {_limit(asked)}"


def _retries(asked: Retries | None, actual: Retries | None) -> Iterator[str]:
    """Only what the rule sets is compared: the rest is the mesh's default, whatever that is."""
    if asked is None:
        return
    found = actual or Retries(attempts=0)
    if asked.attempts is not None and asked.attempts != found.attempts:
        yield f"retries are {found.attempts or 'off'}, asked {asked.attempts or 'off'}"
    if asked.attempts == 0 or actual is None:
        return
    limit = asked.per_try_timeout_s
    if limit and not _near(limit, found.per_try_timeout_s or 0.0, _SECONDS):
        yield f"a try may take {_limit(found.per_try_timeout_s)}, asked {_limit(limit)}"
    if asked.retry_on and _conditions(asked) != _conditions(found):
        yield f"retries are on {found.retry_on or 'nothing'}, asked {asked.retry_on}"


def _conditions(retries: Retries) -> frozenset[str]:
    """istiod adds the condition `retriable-status-codes` by itself where there are numbers."""
    parts = {part.strip() for part in retries.retry_on.split(",")}
    return frozenset(parts - {"", STATUS_CODES})


def _limit(seconds: float | None) -> str:
    return f"{seconds:g} s" if seconds else "unlimited"


def _near(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance

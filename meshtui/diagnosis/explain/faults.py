"""Faults that rules inject: FI and DI, how often, until when, and how they are taken off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from meshtui.diagnosis.explain.pods import MOST, Words
from meshtui.diagnosis.explain.scope import (
    VersionScope,
    handing_over,
    place,
    routes,
    routes_of,
    titled,
)
from meshtui.diagnosis.explain.steps import FAULT_OFF, SAID, Step, typed
from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Fault
from meshtui.mesh.quantity import human_duration


def aborted(scope: VersionScope) -> Words:
    return _faults(scope, routes(scope), "aborts", _aborts)


def delayed(scope: VersionScope) -> Words:
    """Such a request has reached a pod: the rules of other versions did not hold it back."""
    return _faults(scope, _delaying(scope), "delays", _delays)


def _delaying(scope: VersionScope) -> tuple[Route, ...]:
    return (*routes_of(scope), *handing_over(scope))


def delays_of(scope: VersionScope) -> tuple[tuple[Route, Fault], ...]:
    """The rules that hold requests to it back, with the fault of each."""
    found = ((route, route.rule.fault) for route in _delaying(scope))
    return tuple((route, fault) for route, fault in found if fault and _delays(fault))


def _aborts(fault: Fault) -> str:
    what = fault.abort_http or f"gRPC {fault.abort_grpc}"
    part = f"{fault.abort_percent:g} % of its requests"
    return f"answers {part} with {what} itself" if fault.abort_percent > 0 else ""


def _delays(fault: Fault) -> str:
    part = f"{fault.delay_percent:g} % of its requests"
    held = fault.delay_s > 0 and fault.delay_percent > 0
    return f"holds {part} back for {fault.delay_s:g}s" if held else ""


def _faults(
    scope: VersionScope, among: Iterable[Route], verb: str, words: Callable[[Fault], str]
) -> Words:
    """The faults that rules have now; with a time limit also when it ends."""
    found = [r for r in among if r.rule.fault and words(r.rule.fault)]
    if not found:
        return [
            f"A fault, but no rule that was read {verb} requests now: it has been taken off in "
            "the last seconds, or stands in an EnvoyFilter."
        ], (
            Step("journal", "whether one was just taken off"),
            Step("refresh", "read again"),
        )
    sentences = [
        f"Injected: {titled(r)} {words(r.rule.fault)}." for r in found if r.rule.fault is not None
    ]
    sentences += _ending(scope)
    return sentences[: MOST + 1], (_removing(scope, found),)


def _removing(scope: VersionScope, found: Sequence[Route]) -> Step:
    """The command goes by the rules of the service: where they have no fault, another has to."""
    shown = scope.view.route
    if shown is not None and any(place(route) == place(shown) for route in found):
        return Step("clear", "take the fault off, unless somebody is testing with it")
    known = [route for route in scope.view.routes if route.rule.protocol == "http"]
    for route in found:
        if any(place(route) == place(one) for one in known):
            rule = _called(route, known)
            return Step(FAULT_OFF, "take it off, unless somebody is testing", rule)
    ref = found[0].service.ref
    if found[0].rule.delegate:
        edit = f"kubectl -n {ref.namespace} edit virtualservice {ref.name}"
        return typed(edit, "take the fault off")
    where = f"VirtualService {ref.namespace}/{ref.name}"
    return Step(SAID, f"take it off at the service that {where} is for")


def _called(route: Route, known: Sequence[Route]) -> str:
    """What the rule is called in a command: an index alone counts in the first VirtualService."""
    name, ref = route.rule.name, route.service.ref
    if name and " " not in name and sum(one.rule.name == name for one in known) == 1:
        return name
    return (
        f"{ref.name}/{route.rule.index}" if ref != known[0].service.ref else f"{route.rule.index}"
    )


def _ending(scope: VersionScope) -> list[str]:
    """Of several faults it is not known here which one has the time limit."""
    if scope.ends_s is None:
        return []
    if sum(bool(r.rule.fault and r.rule.fault.active) for r in routes(scope)) > 1:
        which = "The first of this service's faults with a time limit"
        if scope.ends_s < 0:
            return [f"{which} should be off: its time is over."]
        return [f"{which} ends by itself in {human_duration(scope.ends_s)}."]
    if scope.ends_s < 0:
        return ["Its time limit is over: it should be off."]
    return [f"It ends by itself in {human_duration(scope.ends_s)}."]

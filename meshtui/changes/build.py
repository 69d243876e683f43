"""From what was asked to a `Change`: the one place where all verbs come together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, assert_never

from meshtui.changes.assemble import rule_change
from meshtui.changes.breaker_ops import build_breaker
from meshtui.changes.change import (
    Change,
    ClearAll,
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    Effect,
    Operation,
    Promote,
    Request,
    Rollback,
    RuleRequest,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.effects import effects_at
from meshtui.changes.fault_ops import clear_fault_operations, fault_operations, targeted_name
from meshtui.changes.http_route_mirror import (
    clear_http_route_mirror_operations,
    http_route_mirror_operations,
)
from meshtui.changes.locate import Located, locate, resolve_version, virtual_service_of
from meshtui.changes.mirror_ops import (
    clear_mirror_operations,
    mirror_operations,
)
from meshtui.changes.not_reached import to_stable
from meshtui.changes.stream_rules import is_stream, refuse_for_streams
from meshtui.changes.timeout_ops import (
    clear_http_route_timeout_operations,
    clear_timeout_operations,
    http_route_timeout_operations,
    timeout_operations,
)
from meshtui.changes.weight_ops import weight_operations
from meshtui.errors import Usage
from meshtui.mesh.model import HttpRoute, Mesh
from meshtui.mesh.parse_rules import parse_virtual_service

VERBS: Mapping[type, str] = {
    Shift: "shift",
    Promote: "promote",
    Rollback: "rollback",
    SetMirror: "mirror",
    ClearMirror: "mirror off",
    SetFault: "fault",
    ClearFault: "fault off",
    ClearAll: "clear",
    SetTimeout: "timeout",
    ClearTimeout: "timeout off",
    SetBreaker: "breaker",
    ClearBreaker: "breaker off",
}


OfRequests: TypeAlias = (
    SetMirror | ClearMirror | SetFault | ClearFault | ClearAll | SetTimeout | ClearTimeout
)
"""What says more of a rule than where its traffic goes."""


def build_change(mesh: Mesh, request: Request, target: Target) -> Change:
    """The change that does what is asked; an empty patch where the object already is so."""
    verb = VERBS[type(request)]
    if isinstance(request, SetBreaker | ClearBreaker):
        return build_breaker(mesh, request, target, verb)
    located = locate(mesh, target)
    operations = operations_for(located, request)
    change = rule_change(located, verb, operations)
    if not isinstance(request, SetFault | SetMirror):
        return change
    guards = _guards(located, change, request)
    return replace(change, expires_s=request.expires_s, guards=guards)


def _guards(located: Located, change: Change, request: SetFault | SetMirror) -> tuple[Effect, ...]:
    """The faults or the mirror that are on by what was asked."""
    namespace, index = change.target.namespace, located.rule.index
    if isinstance(request, SetMirror):
        place = resolve_version(located, request.to)
        to = f"{place.host}/{place.subset}"
        found = effects_at(change.spec_after, namespace, located.rule.place, index)
        return tuple(effect for effect in found if effect.to == to)
    if request.header is not None:
        changed = {**located.owner.raw, "spec": change.spec_after}
        after = parse_virtual_service(changed, located.domain)
        name = targeted_name(located, request.header)
        index = next(rule.index for rule in after.rules if rule.name == name)
    asked = {"delay": request.delay_s, "abort": request.abort_http or request.abort_grpc}
    found = effects_at(change.spec_after, namespace, located.rule.place, index)
    return tuple(effect for effect in found if asked.get(effect.kind) is not None)


def operations_for(located: Located, request: RuleRequest) -> tuple[Operation, ...]:
    """The operations of each verb on the located rule."""
    refuse_for_streams(located.owner.ref, located.rule, request)
    match request:
        case Shift():
            return weight_operations(located, request.weights)
        case Promote():
            return weight_operations(located, {request.version: 100.0})
        case Rollback():
            return rollback_operations(located, request.stable)
    if isinstance(located.owner, HttpRoute):
        return _for_http_route(located, request)
    if is_stream(located.rule):
        return ()
    match request:
        case SetMirror():
            return mirror_operations(located, request.to, request.percent)
        case ClearMirror():
            return clear_mirror_operations(located, request.to)
        case SetFault():
            return fault_operations(located, request)
        case ClearFault():
            return clear_fault_operations(located, request.header)
        case ClearAll():
            return (*clear_mirror_operations(located), *clear_fault_operations(located))
        case SetTimeout():
            return timeout_operations(located, request)
        case ClearTimeout():
            return clear_timeout_operations(located)
    assert_never(request)


def _for_http_route(located: Located, request: OfRequests) -> tuple[Operation, ...]:
    """What can be said in an HTTPRoute beside weights. Raises `Refused` for the rest."""
    match request:
        case SetMirror():
            return http_route_mirror_operations(located, request.to, request.percent)
        case ClearMirror():
            return clear_http_route_mirror_operations(located, request.to)
        case ClearAll():
            return clear_http_route_mirror_operations(located)
        case SetTimeout():
            return http_route_timeout_operations(located, request)
        case ClearTimeout():
            return clear_http_route_timeout_operations(located)
        case SetFault() | ClearFault():
            virtual_service_of(located.owner, "a fault")
            return ()
    assert_never(request)


def rollback_operations(located: Located, stable: str) -> tuple[Operation, ...]:
    """All traffic to `stable`; the rule's mirrors and faults off."""
    if not stable:
        raise Usage("a rollback needs to know which version is stable")
    return to_stable(located, resolve_version(located, stable))

"""Rules of connections (TCP and TLS): what they can't do, and what stays open behind a change."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.changes.change import (
    Caution,
    Change,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    RuleRequest,
    SetFault,
    SetMirror,
    SetTimeout,
)
from meshtui.errors import Refused
from meshtui.mesh import read
from meshtui.mesh.gateway_api import RULES, STREAM_KINDS
from meshtui.mesh.model import Json, Ref, Rule

STREAMS = ("tcp", "tls")

_NEEDS: dict[type, str] = {
    SetMirror: "a mirror needs requests",
    ClearMirror: "a mirror needs requests",
    SetFault: "a fault needs requests",
    ClearFault: "a fault needs requests",
    SetTimeout: "a timeout and retries need requests",
    ClearTimeout: "a timeout and retries need requests",
}


def is_stream(rule: Rule) -> bool:
    """Whether the rule sends connections on as they are, and sees no request."""
    return rule.protocol in STREAMS


def refuse_for_streams(owner: Ref, rule: Rule, request: RuleRequest) -> None:
    """Raises `Refused` for what needs requests, where the rule has connections."""
    why = _NEEDS.get(type(request))
    if why is not None and is_stream(rule):
        refuse_requests(owner, rule, why)


def refuse_requests(owner: Ref, rule: Rule, why: str) -> None:
    """Raises `Refused`: what was asked for needs requests, and the rule has connections."""
    raise Refused(
        f"rule {rule.title} of {owner} passes {rule.protocol.upper()} connections on, and {why}",
        "its weights can be shifted",
    )


def open_connections(change: Change) -> Iterator[Caution]:
    """Connections that are open follow no new weights."""
    lists = (RULES,) if change.target.kind in STREAM_KINDS else STREAMS
    if any(_routes(change.spec_before, one) != _routes(change.spec_after, one) for one in lists):
        yield Caution(
            "warning",
            "only new connections follow the new weights: open ones stay where they are until the "
            "proxy closes them, when the old listener is drained (drainDuration, 45 s by default)",
        )


def _routes(spec: Json, place: str) -> list[object]:
    key = "backendRefs" if place == RULES else "route"
    return [read.obj(rule).get(key) for rule in read.items(spec, place)]

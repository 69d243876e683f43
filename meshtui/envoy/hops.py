"""One request through the mesh, hop by hop, put together from the access logs of many proxies.

All of its lines have one request id, where the programs hand that on. A hop is one proxy's sending
and another's receiving: they belong together by the address that was sent to, and a hop is caused
by what its pod received while it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from meshtui.envoy.accesslog import AccessRecord
from meshtui.mesh.model import Pod

SLACK_S = 0.25
"""By which two nodes' clocks, and the roundings of two proxies, may differ."""

Place = tuple[str, str]
"""Namespace and name of a pod."""


@dataclass(frozen=True, slots=True)
class LoggedHop:
    """A line of a pod's proxy about the request."""

    pod: Pod
    record: AccessRecord

    @property
    def place(self) -> Place:
        return self.pod.namespace, self.pod.name

    @property
    def begin(self) -> float:
        """Seconds since the epoch; 0 where the line says none."""
        return seconds_of(self.record.time)

    @property
    def end(self) -> float:
        return self.begin + (self.record.duration_ms or 0) / 1000


@dataclass(frozen=True, slots=True)
class AppLine:
    """A line of a program that holds the request id; `at` is seconds since the epoch, or 0."""

    pod: Pod
    container: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Hop:
    """A step of the request: as its caller's proxy logged it, as the server's did, or both.

    `caused` are the hops that the server made while it answered.
    """

    sent: LoggedHop | None = None
    received: LoggedHop | None = None
    caused: tuple[Hop, ...] = ()
    lines: tuple[AppLine, ...] = ()

    @property
    def begin(self) -> float:
        return (self.sent or self.received or _NOBODY).begin

    @property
    def record(self) -> AccessRecord:
        """The caller's view where there is one: it has what never arrived, too."""
        return (self.sent or self.received or _NOBODY).record


_NOBODY = LoggedHop(Pod("", ""), AccessRecord(""))


def seconds_of(time: str) -> float:
    """Of a time as Envoy logs it."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else 0.0
    except (ValueError, OverflowError):
        return 0.0


def address_of(text: str) -> str:
    """Without the port."""
    return text.rpartition(":")[0].strip("[]")


@dataclass(slots=True)
class _Node:
    sent: LoggedHop | None
    received: LoggedHop | None = None
    children: list[_Node] = field(default_factory=list)

    @property
    def begin(self) -> float:
        return (self.sent or self.received or _NOBODY).begin


def hops_of(
    logged: Iterable[LoggedHop], pods: Mapping[str, Place], lines: Iterable[AppLine] = ()
) -> tuple[Hop, ...]:
    """The hops that nothing known has caused, each with all that it caused, by their times.

    `pods` are places by address. What was received and never sent is a hop of its own: the copy
    of a mirror, a retry whose caller logs the last try only, or a caller outside of the mesh.
    """
    known = sorted(logged, key=lambda one: one.begin)
    nodes = [_Node(one) for one in known if not one.record.inbound]
    for one in (one for one in known if one.record.inbound):
        sender = _sender(one, nodes, pods)
        if sender is None:
            nodes.append(_Node(None, one))
        else:
            sender.received = one
    nodes.sort(key=lambda node: node.begin)
    causes: dict[int, _Node] = {}
    for node in nodes:
        cause = _cause(node, nodes, causes)
        if cause is not None:
            causes[id(node)] = cause
            cause.children.append(node)
    roots = [node for node in nodes if id(node) not in causes]
    own: dict[Place, list[AppLine]] = {}
    for line in lines:
        own.setdefault((line.pod.namespace, line.pod.name), []).append(line)
    return tuple(_frozen(root, own) for root in roots)


def _sender(received: LoggedHop, nodes: Sequence[_Node], pods: Mapping[str, Place]) -> _Node | None:
    """Whoever sent to this pod, at a time at which it can have been received."""
    able = [
        node
        for node in nodes
        if node.sent is not None
        and node.received is None
        and pods.get(address_of(node.sent.record.upstream_host)) == received.place
        and node.sent.begin - SLACK_S <= received.begin <= node.sent.end + SLACK_S
    ]
    return min(able, key=lambda node: abs(node.begin - received.begin), default=None)


def _cause(node: _Node, nodes: Sequence[_Node], causes: Mapping[int, _Node]) -> _Node | None:
    """What the sender's pod had received last when it sent this; one clock timed both."""
    sent = node.sent
    if sent is None:
        return None
    able = [
        other
        for other in nodes
        if other.received is not None
        and other.received.place == sent.place
        and other.received.begin <= sent.begin <= other.received.end + SLACK_S
    ]
    able.sort(key=lambda other: (other.received or _NOBODY).begin, reverse=True)
    return next((other for other in able if not _is_from(other, node, causes)), None)


def _is_from(one: _Node, node: _Node, causes: Mapping[int, _Node]) -> bool:
    """Whether `node` has caused it: times that are alike may say so both ways."""
    at: _Node | None = one
    while at is not None:
        if at is node:
            return True
        at = causes.get(id(at))
    return False


def _frozen(node: _Node, lines: dict[Place, list[AppLine]]) -> Hop:
    """A program's lines stand with the first hop that its pod received."""
    mine = lines.pop(node.received.place, []) if node.received else []
    children = tuple(_frozen(child, lines) for child in node.children)
    ordered = tuple(sorted(mine, key=lambda line: line.at))
    return Hop(node.sent, node.received, children, ordered)

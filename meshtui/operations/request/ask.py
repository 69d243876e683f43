"""One real request to a service, from inside the mesh: who answered, and was it foretold."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotFound, Refused, read_only_error
from meshtui.mesh.decision import Decision
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.request import SAFE_METHODS, Request
from meshtui.mesh.routing import pods_of
from meshtui.mesh.signals import Sample
from meshtui.operations.look.trace import (
    ProxyTrace,
    Question,
    by_objects,
    callers,
    port_for,
    trace_request,
)
from meshtui.operations.request.foretold import Answerer, Sight, agrees, answerer
from meshtui.operations.request.send import Sent, applications, send
from meshtui.operations.request.sight import Mark, find_request
from meshtui.operations.request.tools import Outgoing

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

REQUEST_ID, USER_AGENT = "x-request-id", "user-agent"
Headers = tuple[tuple[str, str], ...]
MOST_CALLERS = 3
"""So many callers are tried where nobody named one and the first can't send."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent from `pod`, what came back, and what the logs and rules say of it.

    `answered_by` is None where no log says who it was;
    `agrees` whether it went where the caller's proxy was said to send it, None where that is not
    known.
    """

    pod: Pod
    request_id: str
    traced: ProxyTrace
    sent: Sent
    sight: Sight
    answered_by: Answerer | None = None
    agrees: bool | None = None

    @property
    def decision(self) -> Decision:
        """What was foretold: by the proxy's own routes, or else by the objects."""
        return self.traced.actual or self.traced.intent


async def ask_service(
    cluster: Cluster,
    mesh: Mesh,
    question: Question,
    sample: Sample | None,
    *,
    timeout_s: float,
    wait_s: float,
) -> Asked:
    """Sends it once. The proxy's routes are read before; the logs after, for `wait_s` seconds.

    Raises NotFound for an unknown source, Refused where nobody can send it (also a method that
    is not safe on a connection that is read-only), NotAllowed, Unreachable.
    """
    if cluster.read_only and question.request.method not in SAFE_METHODS:
        raise read_only_error(f"a {question.request.method} may change something")
    refused: MeshtuiError | None = None
    for pod in candidates(mesh, question, sample):
        try:
            return await _ask_from(cluster, mesh, question, pod, timeout_s, wait_s)
        except Refused as error:
            refused = refused or error
    if refused is not None:
        raise refused
    raise NotFound(
        f"no running pod with a proxy is known to call {question.service.key}",
        "name one with --from",
    )


def candidates(mesh: Mesh, question: Question, sample: Sample | None) -> list[Pod]:
    """The pods to send from: one of each caller's workload, those that are ready first."""
    pods = sorted(callers(mesh, question, sample).pods, key=lambda pod: _order(question, pod))
    by_workload: dict[tuple[str, str], Pod] = {}
    for pod in pods:
        if pod.gateway or applications(pod):
            by_workload.setdefault((pod.namespace, pod.workload or pod.name), pod)
    return list(by_workload.values())[:MOST_CALLERS]


def _order(question: Question, pod: Pod) -> tuple[bool, bool, bool, bool]:
    """An application before a gateway, another service before the service itself."""
    key = question.service.key
    itself = pod.app == key.name and pod.namespace == key.namespace
    return not pod.ready, pod.gateway, itself, pod.namespace != key.namespace


async def _ask_from(
    cluster: Cluster, mesh: Mesh, question: Question, pod: Pod, timeout_s: float, wait_s: float
) -> Asked:
    request_id, headers = marked(question.request, pod)
    asked = replace(
        question,
        source=f"{pod.name}.{pod.namespace}",
        request=replace(question.request, headers=headers),
    )
    traced = await _trace_of(cluster, mesh, asked, pod)
    outgoing = outgoing_of(asked, traced, timeout_s)
    begun = time.monotonic()
    sent = await send(cluster, pod, outgoing)
    servers = list({(p.namespace, p.name): p for p in _servers(mesh, question, traced)}.values())
    sight = await find_request(
        cluster,
        mesh,
        pod,
        servers,
        _mark(traced, sent, request_id),
        since_s=time.monotonic() - begun,
        wait_s=wait_s,
    )
    decision = traced.actual or traced.intent
    return Asked(
        pod,
        request_id,
        traced,
        sent,
        sight,
        answerer(pod, sight, servers) if sent.answer.code else None,
        agrees(decision, sight.caller),
    )


def marked(request: Request, pod: Pod) -> tuple[str, Headers]:
    """The id by which it is found in the logs, and its headers with that id in them.

    A gateway gives what comes from outside an id of its own, so the user agent has it too.
    """
    given = {name.lower(): value for name, value in request.headers}
    request_id = given.get(REQUEST_ID) or str(uuid.uuid4())
    added = {REQUEST_ID: request_id}
    if pod.gateway:
        added[USER_AGENT] = f"meshtui {request_id}"
    missing = tuple((name, value) for name, value in added.items() if not given.get(name))
    return request_id, (*request.headers, *missing)


def _mark(traced: ProxyTrace, sent: Sent, request_id: str) -> Mark:
    """The id, and where whole connections are passed on the sender's end of it."""
    decision = traced.actual or traced.intent
    by_connection = decision.effects.connection and bool(sent.answer.local)
    return Mark(sent.answer.local, connection=True) if by_connection else Mark(request_id)


async def _trace_of(cluster: Cluster, mesh: Mesh, question: Question, pod: Pod) -> ProxyTrace:
    """By this pod's own routes; by the objects where there are several pods of the name."""
    traced = await trace_request(cluster, mesh, question, None)
    for seen in traced.seen:
        if seen.pod is not None and (seen.pod.namespace, seen.pod.name) == (
            pod.namespace,
            pod.name,
        ):
            return seen
    return by_objects(mesh, question, pod)


def outgoing_of(question: Question, traced: ProxyTrace, timeout_s: float) -> Outgoing:
    """Raises Refused where the port can't be told, or speaks TLS."""
    request, pod = traced.request, traced.pod
    gateway = pod is not None and pod.gateway
    port = _gateway_port(question, traced) if gateway else port_for(question)
    if not port:
        raise Refused(f"{question.service.key} has no port to send to", "name one with --port")
    if request.scheme != "http":
        raise Refused("only plain HTTP is sent", "leave out --scheme https")
    return Outgoing(
        request.method,
        question.service.host,
        port,
        request.authority,
        request.path,
        request.headers,
        timeout_s,
    )


def _gateway_port(question: Question, traced: ProxyTrace) -> int:
    """The port that a gateway listens on: its route configuration is named after it."""
    protocol, _, rest = (traced.actual or traced.intent).table.partition(".")
    number = rest.partition(".")[0]
    if protocol == "https":
        raise Refused(
            "that port of the gateway speaks TLS: only plain HTTP is sent",
            "name another with --port",
        )
    if protocol == "http" and number.isascii() and number.isdigit():
        return int(number[:6])
    return question.port


def _servers(mesh: Mesh, question: Question, traced: ProxyTrace) -> Iterator[Pod]:
    """The pods that may have been asked: of the service, and of where its rules send to."""
    yield from pods_of(mesh, question.service)
    decision = traced.actual or traced.intent
    for odds in (*decision.effects.destinations, *decision.effects.mirrors):
        other = mesh.by_host.get(odds.host)
        if other is not None and other.key != question.service.key:
            yield from pods_of(mesh, other)

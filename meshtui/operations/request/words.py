"""A request that was sent, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.accesslog import AccessRecord
from meshtui.mesh.model import Pod
from meshtui.operations.request.ask import Asked
from meshtui.operations.request.foretold import Answerer, address_of, destinations, verdict


def request_line(asked: Asked) -> str:
    """The request itself."""
    request = asked.traced.request
    return f"{request.method} {request.scheme}://{request.authority}{request.path}"


def request_rows(asked: Asked) -> Iterator[tuple[str, str]]:
    """The answer first, then who gave it, what was foretold, and both sides' lines: each with a
    label of one word."""
    sent = asked.sent
    place = f"{sent.container}, {sent.by}" if sent.container else sent.by
    yield "from", f"{asked.pod.name}.{asked.pod.namespace} ({place})"
    yield "answer", _answer(asked)
    yield from (("note", note) for note in sent.answer.notes)
    yield "by", _by(asked)
    yield "foretold", _foretold(asked)
    if asked.sight.caller is not None:
        yield "caller", _line(asked.sight.caller)
    for pod, record in asked.sight.servers:
        yield "server", f"{_line(record)}  ({pod.name})"
    if asked.sight.trouble:
        yield "logs", f"not read: {asked.sight.trouble}"


def _answer(asked: Asked) -> str:
    answer = asked.sent.answer
    if not answer.code:
        return f"none: {answer.trouble}"
    seconds = f"in {answer.seconds * 1000:,.0f} ms" if answer.seconds is not None else ""
    size = f"{answer.size:,} bytes" if answer.size is not None else ""
    return "  ".join(filter(None, (str(answer.code), seconds, size)))


def _by(asked: Asked) -> str:
    if not asked.sent.answer.code:
        return f"nobody{_waiting(asked)}"
    if asked.answered_by is None:
        return f"not known: {_unseen(asked)}"
    return answerer_words(asked.answered_by, asked.pod)


def _unseen(asked: Asked) -> str:
    """Why nobody's line was found."""
    if not asked.decision.effects.connection:
        if asked.sight.caller is not None:
            return f"none of its pods is at {asked.sight.caller.upstream_host}"
        return "no proxy's log has a line with its id (does the mesh log requests?)"
    local = asked.sent.answer.local
    if not local:
        by = "a port-forward" if not asked.sent.container else asked.sent.by
        return f"connections to that port are passed on whole, and {by} does not tell which was its"
    if asked.sight.caller is None:
        return f"no line of its proxy's log is of its connection, from {local}"
    return f"no pod is known at {asked.sight.caller.upstream_host}"


def _waiting(asked: Asked) -> str:
    """Where a request without an answer was last seen."""
    record = asked.sight.caller
    if record is None:
        return ": no proxy logged it"
    address = address_of(record)
    pods = [f"{pod.app} {pod.version}" for pod, _ in asked.sight.servers if pod.ip == address]
    where = (pods or [record.upstream_host])[0]
    return f": its proxy had sent it to {where}" if where else ": its proxy had sent it nowhere"


def answerer_words(by: Answerer, caller: Pod) -> str:
    """`reviews v3 (reviews-v3-…)`, `the proxy of …`."""
    pod = by.pod
    name = f"{pod.app or pod.workload or pod.name} {pod.version}".rstrip()
    if not by.proxy:
        return f"{name} ({pod.name}.{pod.namespace})"
    whose = (
        "the caller's own proxy"
        if (pod.namespace, pod.name) == (caller.namespace, caller.name)
        else f"the proxy before {name}"
    )
    return f"{whose} ({pod.name}.{pod.namespace}), not the application"


def _foretold(asked: Asked) -> str:
    by = "by its proxy" if asked.traced.actual else "by the objects"
    where = destinations(asked.decision) or "no route takes it"
    trouble = (
        f"; its proxy was out of reach: {asked.traced.trouble}" if asked.traced.trouble else ""
    )
    return f"{where} ({by}{trouble}): {verdict(asked.decision, asked.sight.caller)}"


def _line(record: AccessRecord) -> str:
    """The parts of a log line that tell what became of the request."""
    took = f"{record.duration_ms:,} ms" if record.duration_ms is not None else ""
    parts = (
        str(record.code),
        ",".join(record.flags),
        record.details,
        took,
        record.upstream_cluster,
    )
    return "  ".join(filter(None, parts))

"""A container's log, from its beginning or its end, and as it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from meshtui.lab.api import status, writes
from meshtui.lab.api.call import Call
from meshtui.lab.api.kinds import Resource
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Kind, LogLine, Obj, PodLog

_OPTIONS = Resource(Kind("", ("v1",), "podlogoptions", "podlogoptions", "PodLogOptions"))


@dataclass(slots=True)
class _Printer:
    """Turns lines into bytes until the limit is reached."""

    timestamps: bool
    left: int | None

    def lines(self, lines: list[LogLine]) -> Iterator[bytes]:
        for line in lines:
            data = self.line(line)
            if data:
                yield data

    def line(self, line: LogLine) -> bytes:
        data = (_stamp(line.time) if self.timestamps else b"") + line.text + b"\n"
        if self.left is None:
            return data
        data = data[: self.left]
        self.left -= len(data)
        return data

    @property
    def full(self) -> bool:
        return self.left == 0


def _stamp(seconds: float) -> bytes:
    whole = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{int(seconds % 1 * 1e9):09d}Z ".encode()


async def answer_log(call: Call) -> web.StreamResponse:
    target = call.target
    pod = writes.existing(call.store, target)
    if "stream" in target.query:
        # The feature gate PodLogsQuerySplitStreams is off.
        cause = status.Cause("FieldValueForbidden", "Forbidden: may not be specified", "stream")
        raise status.invalid(_OPTIONS, target.name, [cause])
    container = container_of(pod, target.query.get("container", ""))
    log = _open(call, container)
    printer = _Printer(target.flag("timestamps"), target.number("limitBytes"))
    follower = log.follow() if target.flag("follow") else None
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    backlog = _backlog(log, target)
    await response.prepare(call.request)
    for data in printer.lines(backlog):
        await response.write(data)
    if follower is not None and not printer.full:
        async for line in follower:
            await response.write(printer.line(line))
            if printer.full:
                break
    return response


def _backlog(log: PodLog, target: Target) -> list[LogLine]:
    """The lines already there that the client wants."""
    since = _since(target)
    lines = [line for line in log.lines() if line.time >= since]
    tail = target.number("tailLines")
    if tail is None:
        return lines
    return lines[-tail:] if tail else []


def _since(target: Target) -> float:
    """The server hands a time on to the kubelet in whole seconds, whatever it was told."""
    seconds = target.number("sinceSeconds")
    text = target.query.get("sinceTime", "")
    if seconds is not None:
        _check(target, seconds, text)
        return time.time() - seconds
    if not text:
        return 0.0
    try:
        return float(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        raise status.bad_request(f'parsing time "{text}": cannot parse') from None


def _check(target: Target, seconds: int, time_given: str) -> None:
    causes = []
    if time_given:
        both = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(status.Cause("FieldValueForbidden", both, ""))
    if seconds < 1:
        small = f"Invalid value: {seconds}: must be greater than 0"
        causes.append(status.Cause("FieldValueInvalid", small, "sinceSeconds"))
    if causes:
        raise status.invalid(_OPTIONS, target.name, causes)


def container_of(pod: Obj, asked: str) -> str:
    """The container meant, checked as the server does before it asks the kubelet."""
    name, spec = pod["metadata"]["name"], pod.get("spec", {})
    containers = [c["name"] for c in spec.get("containers", ())]
    init = [c["name"] for c in spec.get("initContainers", ())]
    if not asked:
        if len(containers) == 1 and not init:
            return str(containers[0])
        choices = f"choose one of: [{' '.join(containers)}]"
        if init:
            choices += f" or one of the init containers: [{' '.join(init)}]"
        raise status.bad_request(f"a container name must be specified for pod {name}, {choices}")
    if asked not in containers + init:
        raise status.bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _open(call: Call, container: str) -> PodLog:
    target = call.target
    previous = target.flag("previous")
    log = call.server.runtime.log(target.namespace, target.name, container, previous)
    if log is not None:
        return log
    if previous:
        raise status.bad_request(
            f'previous terminated container "{container}" in pod "{target.name}" not found'
        )
    raise status.bad_request(
        f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating'
    )

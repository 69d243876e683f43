"""The request of a trace as it is typed: `GET /path header k=v host H from WORKLOAD`. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.request import Request
from meshtui.verbs.read_verbs import TRACE
from meshtui.verbs.values import METHODS, header, port

EXAMPLE = "as in :trace GET /path header end-user=jason host shop.example from gateway"


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """A request whatever the service; `source` and `port` as in a `Question`."""

    request: Request = field(default_factory=Request)
    source: str = ""
    port: int = 0

    def of_another(self) -> TraceRequest:
        """The same of another service: its name, its callers and its port are its own."""
        return TraceRequest(replace(self.request, authority="", scheme="http"))


def parse_ask(words: Sequence[str]) -> TraceRequest:
    """What the words ask; values with spaces stand in quotes. Raises `Usage`."""
    try:
        left = shlex.split(" ".join(words))
    except ValueError as error:
        raise Usage("a quote is not closed", EXAMPLE) from error
    ask = TraceRequest()
    while left:
        word = left.pop(0)
        if word.upper() in METHODS:
            ask = replace(ask, request=replace(ask.request, method=word.upper()))
        elif word.startswith("/"):
            ask = replace(ask, request=replace(ask.request, path=word))
        elif word in _PARTS and left:
            ask = _with(ask, word, left.pop(0))
        elif word in _PARTS:
            raise Usage(f"{word} wants {_PARTS[word]}", EXAMPLE)
        else:
            raise Usage(f"{word} is no part of a request", EXAMPLE)
    return ask


_PARTS = {
    "header": "name=value",
    "host": "a name",
    "scheme": "http or https",
    "from": "a workload, a pod or gateway",
    "port": "a number",
}


def _with(ask: TraceRequest, part: str, value: str) -> TraceRequest:
    request = ask.request
    match part:
        case "header":
            return replace(ask, request=replace(request, headers=(*request.headers, header(value))))
        case "host":
            return replace(ask, request=replace(request, authority=value))
        case "from":
            return replace(ask, source=value)
        case "scheme":
            return replace(ask, request=replace(request, scheme=TRACE.parameter(part).parse(value)))
        case _:
            return replace(ask, port=port(value))


def words_of(ask: TraceRequest) -> str:
    """The words that ask the same, to be edited."""
    request = ask.request
    words = [request.method, request.path]
    for name, value in request.headers:
        words += ["header", f"{name}={value}"]
    words += ["host", request.authority] if request.authority else []
    words += ["scheme", request.scheme] if request.scheme != "http" else []
    words += ["from", ask.source] if ask.source else []
    words += ["port", str(ask.port)] if ask.port else []
    return " ".join(shlex.quote(word) for word in words)

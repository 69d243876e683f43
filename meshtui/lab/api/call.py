"""One request with everything its handler needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from meshtui.lab.api import forms, protobuf, spelling, status
from meshtui.lab.api.access import User
from meshtui.lab.api.kinds import Catalogue
from meshtui.lab.api.options import WriteOptions, write_options
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Obj, PodRuntime
from meshtui.lab.store import Store

MAX_BODY = 3 * 1024 * 1024
_BODY_MEDIA = ("application/json", "application/yaml", protobuf.MEDIA, "application/octet-stream")
_GO_TYPE = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; '
    r'Kind string "json:\"kind,omitempty\"" }'
)
_GO_NAMES = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}


@dataclass(frozen=True, slots=True)
class Server:
    """What all handlers share."""

    store: Store
    runtime: PodRuntime
    users: tuple[User, ...]
    catalogue: Catalogue
    bookmark_period: float


@dataclass(frozen=True, slots=True)
class Call:
    """A request on a resource by a known user."""

    server: Server
    request: web.Request
    target: Target
    user: User

    @property
    def store(self) -> Store:
        return self.server.store

    @property
    def form(self) -> forms.Form:
        return forms.negotiate(self.request.headers.get("Accept", ""))

    @property
    def options(self) -> WriteOptions:
        agent = self.request.headers.get("User-Agent", "")
        return write_options(self.target.query, agent, self.request.method)

    def answer(self, obj: Obj, code: int = 200, warnings: Sequence[str] = ()) -> web.Response:
        """A single object in the form the client asked for."""
        shown = forms.one(self.target, self.form, obj)
        response = respond(shown, code)
        for warning in warnings:
            response.headers.add("Warning", f"299 - {json.dumps(warning)}")
        return response


def respond(value: Any, code: int = 200, content_type: str = forms.JSON) -> web.Response:
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache, private"}
    return web.Response(body=forms.encode(value), status=code, headers=headers)


async def read_body(request: web.Request) -> bytes:
    """The whole body, 413 if it is too long."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise status.too_large(MAX_BODY) from None


async def read_object(call: Call) -> Obj:
    """The object in the body of a create or update."""
    media = call.request.content_type
    if media not in _BODY_MEDIA:
        raise status.unsupported_media(_BODY_MEDIA)
    body = await read_body(call.request)
    value = _PARSERS.get(media, parse_json)(body)
    if isinstance(value, dict):
        return value
    raise status.bad_request(
        f"the object provided is unrecognized (must be of type {call.target.kind.kind}): "
        "couldn't get version/kind; json parse error: json: cannot unmarshal "
        f"{_GO_NAMES.get(type(value), 'null')} into Go value of type {_GO_TYPE} ({body.hex()})"
    )


async def read_delete_options(request: web.Request) -> Obj:
    body = await read_body(request)
    if not body.strip():
        return {}
    value = _PARSERS.get(request.content_type, parse_json)(body)
    if not isinstance(value, dict):
        raise status.bad_request("DeleteOptions must be an object")
    return value


def parse_json(body: bytes, *, spelled: bool = False) -> Any:
    """The JSON of a body; `spelled` scalars remember how they were written."""
    try:
        if spelled:
            return spelling.parse(body.decode())
        return json.loads(body, parse_constant=_refuse)
    except ValueError as error:
        raise status.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    except RecursionError:
        raise status.bad_request("json parse error: exceeded max depth") from None


def parse_yaml(body: bytes) -> Any:
    try:
        return yaml.load(body, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise status.bad_request(f"error decoding YAML: {error}") from None


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refuse(constant: str) -> Any:
    raise ValueError(f"invalid character in literal {constant}")


def parse_protobuf(body: bytes) -> Any:
    try:
        return protobuf.decode(body)
    except protobuf.Undecodable:
        raise status.unsupported_media(("application/json", "application/yaml")) from None


_PARSERS: dict[str, Callable[[bytes], Any]] = {
    "application/yaml": parse_yaml,
    protobuf.MEDIA: parse_protobuf,
}

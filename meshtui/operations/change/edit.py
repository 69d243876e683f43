"""An object in an editor: what the person typed is kept on disk until it is in the cluster."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from pathlib import Path

from meshtui import children
from meshtui.changes.change import Change
from meshtui.changes.edit import edited
from meshtui.changes.json_copy import plain
from meshtui.changes.kube_yaml import dump_yaml
from meshtui.changes.manifest import Unreadable, parse_manifest
from meshtui.errors import MeshtuiError, NotFound, Refused, Usage
from meshtui.mesh.carrying import ordinary, routes_to
from meshtui.mesh.gateway_api import (
    GRPC_ROUTE,
    HTTP_ROUTE,
    ROUTE_KINDS,
    STREAM_KINDS,
    TCP_ROUTE,
    TLS_ROUTE,
)
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import DestinationRule, Json, Mesh, RuleOwner, ServiceKey
from meshtui.mesh.nearest import nearest_words
from meshtui.paths import state_dir

KINDS = {
    "vs": "VirtualService",
    "virtualservice": "VirtualService",
    "dr": "DestinationRule",
    "destinationrule": "DestinationRule",
    "route": HTTP_ROUTE,
    "httproute": HTTP_ROUTE,
    "grpc": GRPC_ROUTE,
    "grpcroute": GRPC_ROUTE,
    "tcproute": TCP_ROUTE,
    "tlsroute": TLS_ROUTE,
}
_HEADER = """\
# {what}. Save and leave the editor to go on; only `spec` is taken over.
# An unchanged file, or an empty one, changes nothing.
"""

Editable = RuleOwner | DestinationRule


def find_editable(mesh: Mesh, words: str, namespace: str) -> Editable:
    """`vs/NAME`, `dr/NAME`, `route/NAME`, or a service's name for what routes it."""
    kind, slash, name = words.partition("/")
    if not slash:
        return _for_service(mesh, words, namespace)
    if kind.lower() not in KINDS:
        raise Usage(f"{words}: say vs/NAME, dr/NAME, route/NAME or a service")
    short, _, other = name.partition(".")
    places = [(namespace, name), (other or namespace, short)]
    of_kind: dict[str, tuple[Editable, ...]] = {
        "VirtualService": mesh.virtual_services,
        "DestinationRule": mesh.destination_rules,
        **dict.fromkeys(ROUTE_KINDS, mesh.http_routes),
        **dict.fromkeys(STREAM_KINDS, mesh.stream_routes),
    }
    wanted = KINDS[kind.lower()]
    items = [item for item in of_kind[wanted] if item.ref.kind == wanted]
    found = {(item.ref.namespace, item.ref.name): item for item in items}
    for place in places:
        if place in found:
            return found[place]
    home = other or namespace
    names = [item.ref.name for item in items if item.ref.namespace == home]
    hint = nearest_words(short, names, "the namespace has none")
    raise NotFound(f"no {wanted} {short} in namespace {home}", hint)


def _for_service(mesh: Mesh, name: str, namespace: str) -> RuleOwner:
    from meshtui.changes.locate import resolve_service

    service = resolve_service(mesh, name, namespace)
    route = ordinary(routes_to(mesh, service))
    if route is None:
        raise Refused(f"no VirtualService routes {service.key}", "`meshtui adopt` makes one")
    return route.service


def service_of(mesh: Mesh, item: Editable) -> ServiceKey:
    """The service that the object is about, for the journal."""
    hosts = (item.host,) if isinstance(item, DestinationRule) else item.hosts
    destinations = [] if isinstance(item, DestinationRule) else _destinations(item)
    for host in (*hosts, *destinations):
        service = mesh.by_host.get(host)
        if service is not None:
            return service.key
    named = next((split_host(host) for host in hosts if split_host(host)), None)
    return named or ServiceKey(item.ref.namespace, item.ref.name)


def _destinations(item: RuleOwner) -> list[str]:
    return [d.host for rule in item.rules for d in rule.destinations]


def chosen_editor() -> str:
    """The command of `$VISUAL` or `$EDITOR`; empty where neither is set."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def refuse_without_editor(*, terminal: bool) -> None:
    """An editor that nobody chose wants a terminal; a script in its place needs none."""
    if not chosen_editor() and not terminal:
        raise Usage("no editor is set, and there is no terminal to open one in", "set EDITOR")


class EditFile:
    """A file with an object's YAML. It is removed by `done`, and by nothing else."""

    def __init__(self, item: Editable) -> None:
        self.item = item
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        name = f"{item.ref.kind.lower()}-{item.ref.namespace}-{item.ref.name}-{stamp}.yaml"
        self.path: Path = state_dir() / "edits" / name
        self._text = _HEADER.format(what=item.ref) + _yaml(item.raw)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self._text)
        except OSError as error:
            raise MeshtuiError(f"{self.path} cannot be written ({error})") from error

    def open_editor(self) -> None:
        """Waits until the person has left `$VISUAL` or `$EDITOR`."""
        editor = chosen_editor() or "vi"
        command = [*shlex.split(editor), str(self.path)]
        try:
            status = children.call(command, parting=f"what was edited is in {self.path}")
        except OSError as error:
            raise Refused(f"{editor} cannot be started ({error})", "set EDITOR") from error
        if status != 0:
            raise Refused(f"{editor} ended with status {status}", f"your text is in {self.path}")

    @property
    def untouched(self) -> bool:
        text = self._left("replace")
        lines = [line for line in text.splitlines() if not line.startswith("#") and line.strip()]
        return text == self._text or not lines

    def read(self) -> Json:
        """What the person left. Raises `Refused` with the place of the mistake."""
        try:
            return parse_manifest(self._left("strict"))
        except Unreadable as error:
            raise Refused(str(error), f"your text is kept in {self.path}") from error
        except UnicodeDecodeError as error:
            raise Refused(f"not YAML: {error}", f"your text is kept in {self.path}") from error

    def _left(self, errors: str) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors=errors)
        except OSError as error:
            raise Refused(f"{self.path} cannot be read any more ({error})") from error

    def change(self, mesh: Mesh) -> Change:
        """From the object as it was opened to what the person left."""
        return edited(mesh, self.item, service_of(mesh, self.item), self.read())

    def done(self) -> None:
        """It is in the cluster, or nothing was changed: the file may go."""
        self.path.unlink(missing_ok=True)


def _yaml(raw: Json) -> str:
    """The object without what only the API server writes."""
    meta = raw.get("metadata") or {}
    retained = {
        key: meta[key] for key in ("name", "namespace", "labels", "annotations") if key in meta
    }
    body = {"apiVersion": raw.get("apiVersion"), "kind": raw.get("kind"), "metadata": retained}
    body["spec"] = plain(raw.get("spec") or {})
    return dump_yaml(body, allow_unicode=True)

"""What a request is about: verb, resource, name, as the path and method say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from meshtui.lab.api import status
from meshtui.lab.api.kinds import REVIEWS, Catalogue, Resource
from meshtui.lab.contract import Kind

_REVIEW_RESOURCES = {(k.group, v, k.plural): Resource(k) for k in REVIEWS for v in k.versions}
_UNNAMED = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "deletecollection"}
_NAMED = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_TRUE = ("1", "true", "True")


@dataclass(frozen=True, slots=True)
class Target:
    """A request on a resource. `rest` is what follows a proxy subresource."""

    verb: str
    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return self.resource.kind

    @property
    def stored(self) -> Kind:
        return self.resource.stored

    @property
    def api_version(self) -> str:
        return f"{self.kind.group}/{self.version}" if self.kind.group else self.version

    @property
    def scope(self) -> str | None:
        """The namespace to list, None for all."""
        return self.namespace or None if self.kind.namespaced else None

    def flag(self, name: str) -> bool:
        return self.query.get(name, "") in _TRUE

    def number(self, name: str) -> int | None:
        """A query parameter that is a number; 400 where it is not one."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit():
            raise status.bad_request(
                f'strconv.ParseInt: parsing "{text}": invalid syntax in parameter {name}'
            )
        return int(text)


def parse(
    catalogue: Catalogue, method: str, raw_path: str, query: Mapping[str, str]
) -> Target | None:
    """The target of a request, None for a path that is no resource's; `NoSuchPath` if nobody's."""
    parts = [unquote(p) for p in raw_path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and (group or rest[2] != "status"):
        namespace, rest = rest[1], rest[2:]
    resource = catalogue.find(group, version, rest[0])
    resource = resource or _REVIEW_RESOURCES.get((group, version, rest[0]))
    if resource is None or (namespace and not resource.kind.namespaced):
        raise status.NoSuchPath
    return _target(resource, version, namespace, rest, method, query)


def _target(
    resource: Resource,
    version: str,
    namespace: str,
    rest: list[str],
    method: str,
    query: Mapping[str, str],
) -> Target:
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if resource.kind.plural == "namespaces" and not resource.kind.group:
        namespace = name
    tail = "/".join(rest[3:])
    if (tail and subresource != "proxy") or (subresource and not _has(resource, subresource)):
        raise status.NoSuchPath
    verb = (_NAMED if name else _UNNAMED).get(method)
    if verb is None or (subresource == "" and name and verb == "create"):
        raise status.method_not_allowed()
    if verb in ("list", "get") and not subresource and query.get("watch", "") in _TRUE:
        verb = "watch"
    return Target(verb, resource, version, namespace, name, subresource, tail, query)


def _has(resource: Resource, subresource: str) -> bool:
    if subresource == "status":
        return resource.status
    refused = resource.kind.plural == "pods" and subresource == "attach"
    return refused or any(subresource == s for s, _ in resource.subresources)

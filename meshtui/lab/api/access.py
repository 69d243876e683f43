"""Who may do what: users, their rules, and the decision."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from meshtui.lab.contract import Obj

ANY = ("*",)


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources (`pods/log` is a resource of its own), in some or all namespaces."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    namespaces: tuple[str, ...] = ANY

    def allows(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        return (
            _covers(self.verbs, verb)
            and _covers(self.groups, group)
            and _covers(self.resources, resource)
            and _covers(self.namespaces, namespace)
        )

    def to_json(self) -> Obj:
        return {
            "verbs": list(self.verbs),
            "apiGroups": list(self.groups),
            "resources": list(self.resources),
        }


@dataclass(frozen=True, slots=True)
class PathRule:
    """Verbs on paths that are no resources; a path may end in `*`."""

    verbs: tuple[str, ...]
    paths: tuple[str, ...]

    def allows(self, verb: str, path: str) -> bool:
        return _covers(self.verbs, verb) and any(_path_matches(p, path) for p in self.paths)

    def to_json(self) -> Obj:
        return {"verbs": list(self.verbs), "nonResourceURLs": list(self.paths)}


def _covers(allowed: tuple[str, ...], asked: str) -> bool:
    return "*" in allowed or asked in allowed


def _path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


SELF_REVIEW = (
    Rule(
        ("create",),
        ("authorization.k8s.io",),
        ("selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    ),
    Rule(("create",), ("authentication.k8s.io",), ("selfsubjectreviews",)),
)
PUBLIC_PATHS = (PathRule(("get",), ("/healthz", "/livez", "/readyz", "/version", "/version/")),)
DISCOVERY_PATHS = (
    PathRule(("get",), ("/.well-known", "/.well-known/*")),
    PathRule(
        ("get",),
        (
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
            "/version/",
        ),
    ),
    *PUBLIC_PATHS,
)
EVERYTHING = (Rule(ANY, ANY, ANY),)
LOOK = Rule(("get", "list", "watch"), ANY, ANY)
READ_EVERYTHING = (LOOK, Rule(("create",), ("",), ("pods/portforward",)))
CHANGE_RULES = (
    LOOK,
    Rule(ANY, ("networking.istio.io",), ANY),
    Rule(("create",), ("",), ("events",)),
)
CONNECTED = ("attach", "exec", "portforward")
"""Subresources of a pod that are streams."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a bearer token. Every user may also discover, and ask what they may do."""

    name: str
    token: str = field(repr=False)
    rules: tuple[Rule, ...] = ()
    paths: tuple[PathRule, ...] = DISCOVERY_PATHS
    groups: tuple[str, ...] = ("system:authenticated",)

    def may(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        rules = self.all_rules
        return any(rule.allows(verb, group, resource, namespace) for rule in rules)

    def may_path(self, verb: str, path: str) -> bool:
        return any(rule.allows(verb, path) for rule in self.paths)

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        return self.rules + SELF_REVIEW if self.token else self.rules


ANONYMOUS = User(
    "system:anonymous", token="", paths=PUBLIC_PATHS, groups=("system:unauthenticated",)
)


def admin(token: str) -> User:
    """Somebody who may do everything."""
    groups = ("system:masters", "system:authenticated")
    return User("admin", token, EVERYTHING, (PathRule(ANY, ANY),), groups)


def viewer(token: str) -> User:
    """Somebody who may only look."""
    return User("viewer", token, READ_EVERYTHING)


def exec_only(token: str) -> User:
    """Somebody who may change the mesh's rules, and reach its proxies by exec only."""
    return User("exec-only", token, (*CHANGE_RULES, Rule(("create",), ("",), ("pods/exec",))))


def no_proxies(token: str) -> User:
    """Somebody who may change the mesh's rules, and may not reach its proxies."""
    return User("no-proxies", token, CHANGE_RULES)


def default_users() -> tuple[User, ...]:
    """All of them, with fresh tokens; the first is who one is if one says nothing."""
    roles = (admin, viewer, exec_only, no_proxies)
    return tuple(role(secrets.token_urlsafe(24)) for role in roles)


def authenticate(users: Iterable[User], header: str | None) -> User | None:
    """The user an Authorization header stands for, anonymous without one, None if it is wrong."""
    if not header:
        return ANONYMOUS
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return ANONYMOUS
    asked = token.strip().encode(errors="surrogateescape")
    matching = (u for u in users if u.token and hmac.compare_digest(u.token.encode(), asked))
    return next(matching, None)

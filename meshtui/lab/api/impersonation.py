"""Acting as somebody else: `Impersonate-User` and its like.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from aiohttp import web

from meshtui.lab.api import status
from meshtui.lab.api.access import EVERYTHING, User

_MASTERS = "system:masters"
_HEADERS = ("Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-")


def acting_as(user: User, users: Iterable[User], request: web.Request) -> User:
    """The user that the request is to be judged as; 400 and 403 as a real server answers."""
    asked = [name for name in request.headers if name.title().startswith(_HEADERS)]
    if not asked:
        return user
    name = request.headers.get("Impersonate-User", "")
    groups = tuple(request.headers.getall("Impersonate-Group", ()))
    if not name:
        raise _nameless(groups)
    for resource, wanted in (("users", (name,)), ("groups", groups)):
        for one in wanted:
            _authorize(user, resource, one)
    known = next((other for other in users if other.name == name), User(name, ""))
    rules = EVERYTHING if _MASTERS in groups else known.rules
    all_groups = tuple(dict.fromkeys((*(groups or known.groups), "system:authenticated")))
    return User(name, known.token or "impersonated", rules, known.paths, all_groups)


def _nameless(groups: tuple[str, ...]) -> status.ApiError:
    shown = f"[]string{{{', '.join(map(json.dumps, groups))}}}" if groups else "[]string(nil)"
    return status.bad_request(
        f'requested &user.DefaultInfo{{Name:"", UID:"", Groups:{shown}, '
        "Extra:map[string][]string(nil)} without impersonating a user name"
    )


def _authorize(user: User, resource: str, name: str) -> None:
    if user.may("impersonate", "", resource):
        return
    raise status.ApiError(
        403,
        "Forbidden",
        f'{resource} "{name}" is forbidden: User "{user.name}" cannot impersonate resource '
        f'"{resource}" in API group "" at the cluster scope',
        {"name": name, "kind": resource},
    )

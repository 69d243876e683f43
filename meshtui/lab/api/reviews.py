"""The questions a client asks about itself."""

from __future__ import annotations

from aiohttp import web

from meshtui.lab.api.access import User
from meshtui.lab.api.call import Call, read_object, respond
from meshtui.lab.contract import Obj


async def answer_review(call: Call) -> web.Response:
    body = await read_object(call)
    spec = body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    shown, found = _ANSWERS[call.target.kind.kind](call.user, spec)
    review: Obj = {
        "kind": call.target.kind.kind,
        "apiVersion": call.target.api_version,
        "metadata": {},
    }
    if shown is not None:
        review["spec"] = shown
    return respond(review | {"status": found}, 201)


def _access(user: User, spec: Obj) -> tuple[Obj | None, Obj]:
    path = spec.get("nonResourceAttributes")
    if isinstance(path, dict):
        return spec, {"allowed": user.may_path(path.get("verb", ""), path.get("path", ""))}
    asked = spec.get("resourceAttributes") or {}
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    allowed = user.may(
        asked.get("verb", ""), asked.get("group", ""), resource, asked.get("namespace", "")
    )
    return spec, {"allowed": allowed}


def _rules(user: User, spec: Obj) -> tuple[Obj | None, Obj]:
    namespace = spec.get("namespace", "")
    covering = [r for r in user.all_rules if {"*", namespace} & set(r.namespaces)]
    found = {
        "resourceRules": [r.to_json() for r in covering],
        "nonResourceRules": [r.to_json() for r in user.paths],
        "incomplete": False,
    }
    return {}, found


def _who(user: User, _: Obj) -> tuple[Obj | None, Obj]:
    return None, {"userInfo": {"username": user.name, "groups": list(user.groups)}}


_ANSWERS = {
    "SelfSubjectAccessReview": _access,
    "SelfSubjectRulesReview": _rules,
    "SelfSubjectReview": _who,
}

"""Listing: selectors, and pages that all show the same moment."""

from __future__ import annotations

import base64
import json

from aiohttp import web

from meshtui.lab.api import forms, selectors, status
from meshtui.lab.api.call import Call, respond
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Obj
from meshtui.lab.store import Expired, Key, Store, key_of

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter."
)


def predicate(target: Target) -> selectors.Predicate:
    return selectors.from_query(
        target.query.get("labelSelector", ""),
        target.query.get("fieldSelector", ""),
        target.stored.plural,
    )


def selected(store: Store, target: Target) -> list[Obj]:
    """The stored objects in the scope and the selectors of a request."""
    matches = predicate(target)
    return [o for o in store.items(target.stored, target.scope) if matches(o)]


def answer_list(call: Call) -> web.Response:
    """One page, or the whole list."""
    store, target = call.store, call.target
    limit = target.number("limit") or 0
    token = target.query.get("continue", "")
    asked = target.number("resourceVersion") or 0
    if asked > store.revision:
        raise status.too_large_revision(asked, store.revision)
    exact = asked and target.query.get("resourceVersionMatch") == "Exact"
    revision, after = asked if exact else store.revision, None
    if token:
        revision, after = _read_token(token)
    matches = predicate(target)
    items = [o for o in _items_at(store, target, revision) if matches(o)]
    if after is not None:
        items = [o for o in items if key_of(target.stored, o) > after]
    page = items[:limit] if limit else items
    meta: Obj = {"resourceVersion": str(revision)}
    if len(page) < len(items):
        meta["continue"] = _make_token(revision, key_of(target.stored, page[-1]))
        if not target.query.get("labelSelector") and not target.query.get("fieldSelector"):
            meta["remainingItemCount"] = len(items) - len(page)
    elif target.resource.custom:
        meta["continue"] = ""
    return respond(forms.many(target, call.form, page, meta))


def _items_at(store: Store, target: Target, revision: int) -> list[Obj]:
    if revision == store.revision:
        return store.items(target.stored, target.scope)
    try:
        return store.items_at(target.stored, revision, target.scope)
    except Expired:
        raise status.expired(_CONTINUE_EXPIRED) from None


def _make_token(revision: int, key: Key) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": "\0".join(key)}
    return base64.urlsafe_b64encode(json.dumps(token).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Key]:
    try:
        data = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = data["start"].split("\0")
        return int(data["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise status.bad_request("continue key is not valid") from None

"""Requests on stored objects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from meshtui.lab.api import apply, forms, lists, patches, status, strategic, writes
from meshtui.lab.api.call import (
    Call,
    parse_json,
    parse_yaml,
    read_body,
    read_delete_options,
    read_object,
    respond,
)
from meshtui.lab.api.options import DeleteOptions, delete_options
from meshtui.lab.contract import Obj

_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_PATCH_MEDIA = (_JSON_PATCH, _MERGE_PATCH, _APPLY)


async def answer_object(call: Call) -> web.Response:
    """Everything on an object or its status but list and watch."""
    handler = _HANDLERS.get(call.target.verb)
    if handler is None or (call.target.subresource and call.target.verb not in _STATUS_VERBS):
        raise status.method_not_allowed()
    return await handler(call)


async def _get(call: Call) -> web.Response:
    return call.answer(writes.existing(call.store, call.target))


async def _create(call: Call) -> web.Response:
    body = await read_object(call)
    return _written(call, writes.create(call.store, call.target, body, call.options))


async def _update(call: Call) -> web.Response:
    body = await read_object(call)
    return _written(call, writes.replace(call.store, call.target, body, call.options))


async def _patch(call: Call) -> web.Response:
    target, options = call.target, call.options
    media = call.request.content_type
    accepted = _PATCH_MEDIA if target.resource.custom else (*_PATCH_MEDIA, _STRATEGIC)
    if media not in accepted:
        raise status.unsupported_media(accepted)
    body = await read_body(call.request)
    if media == _APPLY:
        config = parse_yaml(body)
        if not isinstance(config, dict):
            raise status.bad_request("an apply configuration must be an object")
        return _written(call, apply.apply(call.store, target, config, options))
    patcher = _patcher(media, parse_json(body, spelled=media == _JSON_PATCH))
    return _written(call, writes.patch(call.store, target, patcher, options))


def _patcher(media: str, patch: Any) -> Callable[[Obj], Obj]:
    if media == _JSON_PATCH:
        return lambda obj: _json_patched(obj, patch)
    if not isinstance(patch, dict):
        raise status.bad_request("a merge patch must be an object")
    if media == _MERGE_PATCH:
        return lambda obj: dict(patches.merge(obj, patch))
    return lambda obj: strategic.strategic_merge(obj, patch)


def _json_patched(obj: Obj, patch: Any) -> Obj:
    try:
        patched: Obj = patches.apply_json_patch(obj, patch)
    except patches.PatchError:
        raise status.rejected_patch() from None
    return patched


async def _delete(call: Call) -> web.Response:
    options = await _delete_options(call)
    return respond(writes.delete(call.store, call.server.runtime, call.target, options))


async def _delete_options(call: Call) -> DeleteOptions:
    return delete_options(call.target.query, await read_delete_options(call.request))


async def _delete_collection(call: Call) -> web.Response:
    options = await _delete_options(call)
    store, target = call.store, call.target
    items = lists.selected(store, target)
    if not options.dry_run:
        for obj in items:
            writes.delete_stored(store, call.server.runtime, target.stored, obj)
    meta = {"resourceVersion": str(store.revision)}
    return respond(forms.many(target, call.form, items, meta))


def _written(call: Call, written: writes.Written) -> web.Response:
    return call.answer(written.obj, 201 if written.created else 200, written.warnings)


_STATUS_VERBS = frozenset({"get", "update", "patch"})
_HANDLERS: dict[str, Callable[[Call], Awaitable[web.Response]]] = {
    "get": _get,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}

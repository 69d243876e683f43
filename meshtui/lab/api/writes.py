"""Creating, changing and deleting: every write a client makes goes through here."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from meshtui.lab.api import checks, defaults, managed, schema, status, views, webhook
from meshtui.lab.api.kinds import KINDS
from meshtui.lab.api.options import DeleteOptions, WriteOptions
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Kind, Obj, PodRuntime
from meshtui.lab.store import Store, clone, key_of

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Written:
    """The stored object after a write, and what the client is to be warned of."""

    obj: Obj
    warnings: tuple[str, ...] = ()
    created: bool = False


def create(store: Store, target: Target, body: Obj, options: WriteOptions) -> Written:
    checks.check_type(target, body)
    checks.check_place(target, body)
    warnings = checks.drop_unknown(target, body, options)
    checks.check_named(target, body)
    meta = body["metadata"]
    if not meta.get("name"):
        meta["name"] = meta["generateName"] + "".join(secrets.choice(_SUFFIX) for _ in range(5))
    new, found = insert(store, target, body, options)
    return Written(new, (*warnings, *found), created=True)


def insert(
    store: Store,
    target: Target,
    body: Obj,
    options: WriteOptions,
    entries: list[Obj] | None = None,
) -> tuple[Obj, tuple[str, ...]]:
    """Store a new object that has a name; `entries` are its managedFields if known already.

    The answer is the object and the warnings of the webhook.
    """
    new = views.stored(target.resource, clone(body))
    if target.resource.status:
        new.pop("status", None)
    schema.fill_defaults(target.kind, new)
    checks.check_content(target, new)
    meta = new["metadata"]
    if meta.pop("resourceVersion", None):
        raise status.bad_request("resourceVersion should not be set on objects to be created")
    if store.find(target.stored, target.namespace, meta["name"]) is not None:
        raise status.already_exists(target.resource, meta["name"])
    _check_namespace(store, target)
    defaults.fill_in(store, target.stored, new, None)
    if entries is None:
        managed.record_update(new, None, options.manager, store.now(), target.resource.custom)
    else:
        managed.set_entries(new, entries)
    store.stamp(target.stored, new, None)
    warnings = webhook.admit(target.stored, new)
    return (new if options.dry_run else store.commit(target.stored, new)), warnings


def _check_namespace(store: Store, target: Target) -> None:
    if target.kind.namespaced and store.find(_NAMESPACES, "", target.namespace) is None:
        message = f'namespaces "{target.namespace}" not found'
        details = {"name": target.namespace, "kind": "namespaces"}
        raise status.ApiError(404, "NotFound", message, details)


_NAMESPACES: Kind = next(k for k in KINDS if k.plural == "namespaces")
_PODS: Kind = next(k for k in KINDS if k.plural == "pods")


def existing(store: Store, target: Target) -> Obj:
    """The stored object a request names, or 404."""
    found = store.find(target.stored, target.namespace, target.name)
    if found is None:
        raise status.not_found(target.resource, target.name)
    return found


def replace(store: Store, target: Target, body: Obj, options: WriteOptions) -> Written:
    checks.check_type(target, body)
    checks.check_place(target, body)
    warnings = checks.drop_unknown(target, body, options)
    old = existing(store, target)
    new, found = update(store, target, old, body, options)
    return Written(new, (*warnings, *found))


def patch(
    store: Store, target: Target, patcher: Callable[[Obj], Obj], options: WriteOptions
) -> Written:
    """Change the object as the client sees it by `patcher`, which leaves its argument alone."""
    old = existing(store, target)
    body = patcher(views.served(target.resource, target.version, old))
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise status.rejected_patch()
    body = clone(body)
    warnings = checks.drop_unknown_of_patch(target, body, options)
    checks.check_type(target, body)
    checks.check_place(target, body)
    new, found = update(store, target, old, body, options)
    return Written(new, (*warnings, *found))


def update(
    store: Store,
    target: Target,
    old: Obj,
    body: Obj,
    options: WriteOptions,
    entries: list[Obj] | None = None,
) -> tuple[Obj, tuple[str, ...]]:
    """Store a changed object; `entries` are its managedFields if known already.

    The answer is the object and the warnings of the webhook.
    """
    new = views.stored(target.resource, clone(body))
    checks.check_version(target, new)
    checks.check_preconditions(target, old, new["metadata"])
    new = _part_of(target, new, old)
    schema.fill_defaults(target.kind, new)
    checks.check_content(target, new)
    defaults.fill_in(store, target.stored, new, old)
    if entries is None:
        managed.record_update(
            new, old, options.manager, store.now(), target.resource.custom, target.subresource
        )
    else:
        managed.set_entries(new, entries)
    store.stamp(target.stored, new, old)
    warnings = () if target.subresource else webhook.admit(target.stored, new)
    return (new if options.dry_run else store.commit(target.stored, new)), warnings


def _part_of(target: Target, new: Obj, old: Obj) -> Obj:
    """Only the status through `/status`, everything else through the object itself."""
    if target.subresource == "status":
        return clone(old) | ({"status": new["status"]} if "status" in new else {})
    if not target.resource.status:
        return new
    new.pop("status", None)
    return new | ({"status": clone(old["status"])} if "status" in old else {})


def delete(store: Store, runtime: PodRuntime, target: Target, options: DeleteOptions) -> Obj:
    """Delete one object and, unless told to orphan them, what it owns; returns a Status."""
    old = existing(store, target)
    checks.check_deletion(target, old, options.preconditions)
    if not options.dry_run:
        delete_stored(store, runtime, target.stored, old, orphan=options.orphan)
    return status.success(target.resource, target.name, old["metadata"]["uid"])


def delete_stored(
    store: Store, runtime: PodRuntime, kind: Kind, obj: Obj, orphan: bool = False
) -> None:
    """Take an object out of the store as the garbage collector would: owners before the owned."""
    namespace, name = key_of(kind, obj)
    if store.find(kind, namespace, name) is None:
        return
    store.delete(kind, namespace, name)
    if kind == _PODS:
        runtime.delete_pod(namespace, name)
    if not orphan:
        for other, dependent in _dependents(store, kind, obj):
            delete_stored(store, runtime, other, dependent)


def _dependents(store: Store, kind: Kind, obj: Obj) -> list[tuple[Kind, Obj]]:
    meta = obj["metadata"]
    if kind == _NAMESPACES:
        return [(k, o) for k in store.kinds if k.namespaced for o in store.items(k, meta["name"])]
    return [
        (other, dependent)
        for other in store.kinds
        if other.namespaced
        for dependent in store.items(other, meta.get("namespace"))
        if any(
            o.get("uid") == meta["uid"] for o in dependent["metadata"].get("ownerReferences", ())
        )
    ]

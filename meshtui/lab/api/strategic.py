"""Strategic merge patch: lists whose items have a key are merged item by item."""

from __future__ import annotations

from typing import Any

from meshtui.lab.store import clone

_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""The merge key of a list, by the name of its field; the first that the items have."""

_PLAIN_LISTS = frozenset({"finalizers"})
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
_RETAIN = "$retainKeys"
_DIRECTIVE = "$patch"


def strategic_merge(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """`target` with `patch` merged in; both are left as they are."""
    if patch.get(_DIRECTIVE) == "replace":
        return {k: clone(v) for k, v in patch.items() if k != _DIRECTIVE}
    result = dict(target) if isinstance(target, dict) else {}
    if _RETAIN in patch:
        result = {k: v for k, v in result.items() if k in patch[_RETAIN]}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            field = key.removeprefix(_DELETE)
            result[field] = [v for v in result.get(field, []) if v not in value]
        elif not key.startswith("$"):
            _merge_field(result, key, value, patch.get(_ORDER + key))
    return result


def _merge_field(result: dict[str, Any], key: str, value: Any, order: Any) -> None:
    if value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        if value.get(_DIRECTIVE) == "delete":
            result.pop(key, None)
        else:
            result[key] = strategic_merge(result.get(key), value)
    elif isinstance(value, list):
        result[key] = _merge_list(key, result.get(key) or [], value, order)
    else:
        result[key] = value


def _merge_list(field: str, old: list[Any], patch: list[Any], order: Any) -> list[Any]:
    if field in _PLAIN_LISTS:
        return [*old, *(v for v in patch if v not in old)]
    merge_key = _merge_key(field, [*old, *patch])
    replace = any(isinstance(i, dict) and i.get(_DIRECTIVE) == "replace" for i in patch)
    if merge_key is None or replace:
        return [clone(i) for i in patch if not (isinstance(i, dict) and _DIRECTIVE in i)]
    items = {i.get(merge_key): i for i in old}
    for item in patch:
        if item.get(_DIRECTIVE) == "delete":
            items.pop(item.get(merge_key), None)
        else:
            items[item.get(merge_key)] = strategic_merge(items.get(item.get(merge_key)), item)
    return _ordered(items, merge_key, order)


def _merge_key(field: str, items: list[Any]) -> str | None:
    if not all(isinstance(i, dict) for i in items):
        return None
    keyed = [i for i in items if i.get(_DIRECTIVE) != "replace"]
    return next((k for k in _KEYS.get(field, ()) if all(k in i for i in keyed)), None)


def _ordered(items: dict[Any, Any], merge_key: str, order: Any) -> list[Any]:
    if not isinstance(order, list):
        return list(items.values())
    wanted = [i.get(merge_key) for i in order if isinstance(i, dict)]
    first = [items[k] for k in wanted if k in items]
    return first + [item for key, item in items.items() if key not in wanted]

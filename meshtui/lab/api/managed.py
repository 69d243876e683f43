"""Who set which field: the `managedFields` of an object.

A field set is the set of paths of an object's leaves; a list counts as one leaf. Maps of a custom
resource are entries of their own (written `.`), as structural schemas make them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshtui.lab.contract import Obj

Path = tuple[str, ...]

_SYSTEM_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_ENTRY_MAPS = {("metadata", "annotations"), ("metadata", "labels")}
MISSING = object()


def leaves(obj: Obj, custom: bool) -> dict[Path, Any]:
    """Each owned path of `obj` with its value; a path of a map itself has the value `{}`."""
    found: dict[Path, Any] = {}
    for key, value in obj.items():
        if key == "metadata":
            wanted = {k: v for k, v in value.items() if k not in _SYSTEM_METADATA}
            found.update(_walk(wanted, (key,), custom, top=True))
        elif key not in ("apiVersion", "kind"):
            found.update(_walk(value, (key,), custom))
    return found


def _walk(value: Any, path: Path, custom: bool, top: bool = False) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    if not top and (not value or custom or path in _ENTRY_MAPS):
        yield path, {}
    for key, inner in value.items():
        yield from _walk(inner, (*path, key), custom)


def to_fields(paths: Iterable[Path]) -> Obj:
    """FieldsV1 of a set of paths."""
    known = set(paths)
    inner = {path[:n] for path in known for n in range(1, len(path))}
    root: Obj = {}
    for path in sorted(known):
        node = root
        for step in path:
            node = node.setdefault(f"f:{step}", {})
        if path in inner:
            node["."] = {}
    return root


def from_fields(fields: Obj) -> set[Path]:
    """The set of paths of a FieldsV1."""
    return set(_read(fields, ()))


def _read(node: Obj, path: Path) -> Iterator[Path]:
    if path and (not node or "." in node):
        yield path
    for key, inner in node.items():
        if key.startswith("f:"):
            yield from _read(inner, (*path, key[2:]))


def record_update(
    new: Obj, old: Obj | None, manager: str, time: str, custom: bool, subresource: str = ""
) -> None:
    """Give `manager` the fields that `new` sets differently from `old`, and take them from others.

    `new["metadata"]["managedFields"]` is replaced; what a client sent there does not count.
    """
    after = leaves(new, custom)
    before = leaves(old, custom) if old else {}
    changed = {p for p, v in after.items() if before.get(p, MISSING) != v}
    entries = [] if old is None else old["metadata"].get("managedFields", [])
    retained, own, own_time = [], set(changed), time
    for entry in entries:
        paths = from_fields(entry["fieldsV1"])
        if same_entry(entry, manager, "Update", subresource):
            own |= paths & after.keys()
            own_time = time if changed else entry["time"]
            continue
        still = (paths & after.keys()) - changed
        if still:
            retained.append(entry if still == paths else entry | {"fieldsV1": to_fields(still)})
    if own:
        retained.append(
            make_entry(manager, "Update", new["apiVersion"], own_time, own, subresource)
        )
    set_entries(new, retained)


def same_entry(entry: Obj, manager: str, operation: str, subresource: str = "") -> bool:
    key = entry["manager"], entry["operation"], entry.get("subresource", "")
    return key == (manager, operation, subresource)


def make_entry(
    manager: str,
    operation: str,
    api_version: str,
    time: str,
    paths: Iterable[Path],
    subresource: str = "",
) -> Obj:
    entry = {
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields(paths),
        "manager": manager,
        "operation": operation,
        "time": time,
    }
    return entry | {"subresource": subresource} if subresource else entry


def set_entries(obj: Obj, entries: list[Obj]) -> None:
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)

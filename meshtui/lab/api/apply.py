"""Server-side apply: a manager states the fields it wants, and owns exactly those."""

from __future__ import annotations

from typing import Any

from meshtui.lab.api import checks, managed, patches, status, views, writes
from meshtui.lab.api.managed import MISSING, Path
from meshtui.lab.api.options import WriteOptions
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Obj
from meshtui.lab.store import Store

_Conflict = tuple[str, Path]


def apply(store: Store, target: Target, config: Obj, options: WriteOptions) -> writes.Written:
    """Merge `config` into the object, or create it; 409 where another manager wants otherwise."""
    if not options.named:
        raise status.ApiError(
            422,
            "Invalid",
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
            "is required for apply patch",
            {"group": "meta.k8s.io", "kind": "PatchOptions"},
        )
    checks.check_type(target, config)
    checks.check_place(target, config)
    if config["metadata"].pop("managedFields", None):
        raise status.bad_request("metadata.managedFields must be nil")
    warnings = tuple(checks.drop_unknown(target, config, options))
    wanted = managed.leaves(views.stored(target.resource, config), target.resource.custom)
    own = managed.make_entry(
        options.manager,
        "Apply",
        target.api_version,
        store.now(),
        wanted,
        target.subresource,
    )
    old = store.find(target.stored, target.namespace, target.name)
    if old is None:
        new, found = writes.insert(store, target, config, options, [own])
        return writes.Written(new, (*warnings, *found), True)
    entries = _settle(old, wanted, own, options.force)
    body = patches.merge(views.served(target.resource, target.version, old), config)
    _withdraw(body, old, wanted, own)
    new, found = writes.update(store, target, old, body, options, entries)
    return writes.Written(new, (*warnings, *found))


def _settle(old: Obj, wanted: dict[Path, Any], own: Obj, force: bool) -> list[Obj]:
    """The managedFields after the apply; raises the conflicts unless they are forced."""
    live = managed.leaves(old, custom=True)
    contested = {p for p, value in wanted.items() if live.get(p, MISSING) != value}
    entries, conflicts = [own], []
    for entry in old["metadata"].get("managedFields", []):
        if _is_own(entry, own):
            continue
        paths = managed.from_fields(entry["fieldsV1"])
        taken = paths & contested
        conflicts += [(_manager(entry), path) for path in sorted(taken)]
        if not taken:
            entries.append(entry)
        elif paths - taken:
            entries.append(entry | {"fieldsV1": managed.to_fields(paths - taken)})
    if conflicts and not force:
        raise _conflict_error(conflicts)
    return entries


def _withdraw(body: Obj, old: Obj, wanted: dict[Path, Any], own: Obj) -> None:
    """Remove what this manager applied before, no longer wants, and nobody else owns."""
    before: set[Path] = set()
    others: set[Path] = set()
    for entry in old["metadata"].get("managedFields", []):
        paths = managed.from_fields(entry["fieldsV1"])
        (before if _is_own(entry, own) else others).update(paths)
    for path in sorted(before - others - wanted.keys(), key=len, reverse=True):
        _remove(body, path)


def _remove(body: Obj, path: Path) -> None:
    parents: list[Obj] = []
    node: Any = body
    for step in path:
        if not isinstance(node, dict) or step not in node:
            return
        parents.append(node)
        node = node[step]
    if not isinstance(node, dict) or not node:
        parents[-1].pop(path[-1])


def _is_own(entry: Obj, own: Obj) -> bool:
    return managed.same_entry(entry, own["manager"], "Apply", own.get("subresource", ""))


def _manager(entry: Obj) -> str:
    if entry["operation"] == "Apply":
        return f'"{entry["manager"]}"'
    sub = f' with subresource "{entry["subresource"]}"' if "subresource" in entry else ""
    return f'"{entry["manager"]}"{sub} using {entry["apiVersion"]}'


def _conflict_error(conflicts: list[_Conflict]) -> status.ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager}",
            "field": _dotted(path),
        }
        for manager, path in conflicts
    ]
    count = "1 conflict" if len(conflicts) == 1 else f"{len(conflicts)} conflicts"
    message = f"Apply failed with {count}: {_summary(conflicts)}"
    return status.ApiError(409, "Conflict", message, {"causes": causes})


def _summary(conflicts: list[_Conflict]) -> str:
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return f"conflict with {manager}: {_dotted(path)}"
    lines = []
    for manager in dict.fromkeys(m for m, _ in conflicts):
        lines.append(f"conflicts with {manager}:")
        lines += [f"- {_dotted(path)}" for m, path in conflicts if m == manager]
    return "\n".join(lines)


def _dotted(path: Path) -> str:
    return "".join(f".{step}" for step in path)

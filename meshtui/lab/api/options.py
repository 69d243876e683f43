"""How a client wants its write done, from query parameters and headers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.api import status
from meshtui.lab.api.status import Cause
from meshtui.lab.contract import Obj

_VALIDATIONS = ("Ignore", "Strict", "Warn")
_KINDS = {"POST": "CreateOptions", "PATCH": "PatchOptions"}
_LONGEST_MANAGER = 128


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """`manager` is who the fields are credited to; `named` whether the client said so itself."""

    manager: str = "unknown"
    named: bool = False
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """`orphan` keeps what the object owns; `preconditions` name the object that is meant."""

    dry_run: bool = False
    orphan: bool = False
    preconditions: Mapping[str, Any] = field(default_factory=dict)


def delete_options(query: Mapping[str, str], body: Obj) -> DeleteOptions:
    """The options of the body, where there is one: it replaces the query, which counts for nothing.

    Seen of kube-apiserver 1.36: `?dryRun=All` with a body that has no `dryRun` deletes.
    """
    given = body or {
        "dryRun": [query["dryRun"]] if query.get("dryRun") else [],
        "propagationPolicy": query.get("propagationPolicy"),
    }
    causes = _dry_run_causes(given.get("dryRun") or ())
    if causes:
        raise status.invalid_options("DeleteOptions", causes)
    return DeleteOptions(
        dry_run=bool(given.get("dryRun")),
        orphan=given.get("propagationPolicy") == "Orphan",
        preconditions=given.get("preconditions") or {},
    )


def write_options(query: Mapping[str, str], user_agent: str, method: str) -> WriteOptions:
    kind = _KINDS.get(method, "UpdateOptions")
    validation = query.get("fieldValidation") or "Warn"
    manager = query.get("fieldManager", "")
    causes = [
        *_dry_run_causes([query["dryRun"]] if query.get("dryRun") else []),
        *_manager_causes(manager),
        *_validation_causes(validation),
    ]
    if causes:
        raise status.invalid_options(kind, causes)
    return WriteOptions(
        manager=(manager or user_agent.split("/")[0] or "unknown")[:_LONGEST_MANAGER],
        named=bool(manager),
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") == "true",
    )


def _dry_run_causes(wanted: Sequence[object]) -> list[Cause]:
    if all(value == "All" for value in wanted):
        return []
    shown = json.dumps(list(wanted), separators=(",", ":"))
    message = f'Unsupported value: {shown}: supported values: "All"'
    return [Cause("FieldValueNotSupported", message, "dryRun")]


def _manager_causes(manager: str) -> list[Cause]:
    if len(manager.encode()) <= _LONGEST_MANAGER:
        return []
    message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
    return [Cause("FieldValueTooLong", message, "fieldManager")]


def _validation_causes(validation: str) -> list[Cause]:
    if validation in _VALIDATIONS:
        return []
    allowed = ", ".join(json.dumps(value) for value in ("", *_VALIDATIONS))
    message = f"Unsupported value: {json.dumps(validation)}: supported values: {allowed}"
    return [Cause("FieldValueNotSupported", message, "fieldValidation")]

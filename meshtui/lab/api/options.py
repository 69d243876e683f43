"""How a client wants its write done, from query parameters and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.api import status
from meshtui.lab.contract import Obj

_VALIDATIONS = ("Ignore", "Warn", "Strict")


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
    for wanted in given.get("dryRun") or ():
        _check_dry_run("DeleteOptions", wanted)
    return DeleteOptions(
        dry_run=bool(given.get("dryRun")),
        orphan=given.get("propagationPolicy") == "Orphan",
        preconditions=given.get("preconditions") or {},
    )


def write_options(query: Mapping[str, str], user_agent: str) -> WriteOptions:
    validation = query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise status.bad_request(f'fieldValidation: Unsupported value: "{validation}"')
    if query.get("dryRun"):
        _check_dry_run("CreateOptions", query["dryRun"])
    manager = query.get("fieldManager", "")
    return WriteOptions(
        manager=(manager or user_agent.split("/")[0] or "unknown")[:128],
        named=bool(manager),
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") == "true",
    )


def _check_dry_run(kind: str, wanted: object) -> None:
    if wanted != "All":
        raise status.bad_request(f'dryRun: Unsupported value: "{wanted}"')

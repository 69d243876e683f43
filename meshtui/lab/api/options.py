"""How a client wants its write done, from query parameters and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshtui.lab.api import status

_VALIDATIONS = ("Ignore", "Warn", "Strict")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """`manager` is who the fields are credited to; `named` whether the client said so itself."""

    manager: str = "unknown"
    named: bool = False
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False


def write_options(query: Mapping[str, str], user_agent: str) -> WriteOptions:
    validation = query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise status.bad_request(f'fieldValidation: Unsupported value: "{validation}"')
    if query.get("dryRun") not in (None, "", "All"):
        raise status.bad_request(f'dryRun: Unsupported value: "{query["dryRun"]}"')
    manager = query.get("fieldManager", "")
    return WriteOptions(
        manager=(manager or user_agent.split("/")[0] or "unknown")[:128],
        named=bool(manager),
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") == "true",
    )

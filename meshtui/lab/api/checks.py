"""What a written object has to keep, before it is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.lab.api import builtin, happenings, schema, spelling, status, views
from meshtui.lab.api.options import WriteOptions
from meshtui.lab.api.request import Target
from meshtui.lab.api.status import Cause
from meshtui.lab.contract import Obj

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_UNCONDITIONAL = "Invalid value: 0: must be specified for an update"
_BAD_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    r"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_type(target: Target, obj: Obj) -> None:
    """The object is of the kind the path names; a built-in one need not say so."""
    for key, expected in (("apiVersion", target.api_version), ("kind", target.kind.kind)):
        found = obj.get(key)
        if found in (None, "") and not target.resource.custom:
            obj[key] = expected
        elif found in (None, ""):
            shown = json.dumps(obj, separators=(",", ":"), ensure_ascii=False)
            word = "Kind" if key == "kind" else key
            raise status.bad_request(f"Object '{word}' is missing in '{shown}'")
        elif found != expected:
            word = "API version" if key == "apiVersion" else "kind"
            raise status.bad_request(
                f"the {word} in the data ({found}) does not match the expected {word} ({expected})"
            )
    check_shape(target, obj)
    happenings.check_times(target, obj)


def check_shape(target: Target, obj: Obj) -> None:
    """Maps are maps and texts are texts where the server itself reads them."""
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    wrong = schema.misfits(builtin.METADATA, obj["metadata"], "metadata")
    if not target.resource.custom:
        stored = views.stored(target.resource, obj)
        wrong += schema.misfits(builtin.SCHEMAS[target.kind.plural], stored, "")
    if wrong:
        kind = target.kind.kind
        raise status.bad_request(
            f'{kind} in version "{target.version}" cannot be handled as a {kind}: '
            f"json: cannot unmarshal: {wrong[0].message}"
        )
    meta = obj["metadata"]
    for key in [k for k, v in meta.items() if v is None]:
        del meta[key]


def check_place(target: Target, obj: Obj) -> None:
    """The object's own namespace and name agree with the path."""
    meta = obj["metadata"]
    if (
        target.kind.namespaced
        and meta.setdefault("namespace", target.namespace) != target.namespace
    ):
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.name and meta.setdefault("name", target.name) != target.name:
        raise status.bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL"
            f" ({target.name})"
        )


def drop_unknown(target: Target, obj: Obj, options: WriteOptions) -> list[str]:
    """Prune what the schema does not know; the answer is the warnings, one per field."""
    unknown = [f'unknown field "{p}"' for p in schema.prune(target.kind, obj)]
    if unknown and options.validation == "Strict":
        kind = target.kind.kind
        raise status.bad_request(
            f'{kind} in version "{target.version}" cannot be handled as a {kind}: '
            f"strict decoding error: {', '.join(unknown)}"
        )
    return unknown if options.validation == "Warn" else []


def drop_unknown_of_patch(target: Target, patched: Obj, options: WriteOptions) -> list[str]:
    """As `drop_unknown`, with the error a patch gets: it shows the whole patched object."""
    shown = spelling.go_json(patched)
    unknown = [f'unknown field "{p}"' for p in schema.prune(target.kind, patched)]
    if unknown and options.validation == "Strict":
        quoted = json.dumps(shown, ensure_ascii=False)
        message = f"Invalid value: {quoted}: strict decoding error: {', '.join(unknown)}"
        raise status.invalid_patch(Cause("FieldValueInvalid", message, "patch"))
    return unknown if options.validation == "Warn" else []


def check_content(target: Target, obj: Obj) -> None:
    """Name and schema, all complaints at once."""
    name = obj["metadata"].get("name", "")
    causes = [
        *_name_causes(name),
        *schema.validate(target.kind, obj),
        *happenings.causes(target, obj),
    ]
    raise_invalid(target, name, causes)


def check_named(target: Target, obj: Obj) -> None:
    meta = obj["metadata"]
    if not meta.get("name") and not meta.get("generateName"):
        cause = Cause(
            "FieldValueRequired",
            "Required value: name or generateName is required",
            "metadata.name",
        )
        raise_invalid(target, "", schema.with_rules_note(target.kind, [cause]))


def raise_invalid(target: Target, name: str, causes: Sequence[Cause]) -> None:
    if causes:
        raise status.invalid(target.resource, name, causes)


def _name_causes(name: object) -> list[Cause]:
    if isinstance(name, str) and len(name) <= 253 and _SUBDOMAIN.fullmatch(name):
        return []
    shown = json.dumps(name)
    return [Cause("FieldValueInvalid", f"Invalid value: {shown}: {_BAD_NAME}", "metadata.name")]


def check_preconditions(target: Target, old: Obj, meta: Mapping[str, Any]) -> None:
    """An update that names a resourceVersion or uid means that very object."""
    was = old["metadata"]
    if meta.get("uid") and meta["uid"] != was["uid"]:
        raise status.conflict(
            target.resource,
            target.name,
            f"Precondition failed: UID in precondition: {meta['uid']}, "
            f"UID in object meta: {was['uid']}",
        )
    if meta.get("resourceVersion") and _version(meta["resourceVersion"]) != _version(
        was["resourceVersion"]
    ):
        raise status.modified(target.resource, target.name)


def check_deletion(target: Target, old: Obj, wanted: Mapping[str, Any]) -> None:
    """The preconditions of a deletion; a real server's words, with the kind for the plural."""
    was = old["metadata"]
    for key, name, why in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        if wanted.get(key) and wanted[key] != was[key]:
            raise status.precondition(
                target.resource,
                target.name,
                f"the {name} in the precondition ({wanted[key]}) does not match the {name} in "
                f"record ({was[key]}). The object might have been {why}",
            )


def check_version(target: Target, obj: Obj) -> None:
    """A custom object is only changed at a version that the request names."""
    version = obj["metadata"].get("resourceVersion")
    if target.resource.custom and not version:
        cause = Cause("FieldValueInvalid", _UNCONDITIONAL, "metadata.resourceVersion")
        # The kind is the plural here, unlike in every other complaint.
        details = status.details_of(target.resource, target.name)
        message = f'{target.resource.qualified} "{target.name}" is invalid: '
        message += f"{cause.field}: {cause.message}"
        raise status.ApiError(422, "Invalid", message, details | {"causes": [cause.to_json()]})


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise status.bad_version(text)
    return int(text)

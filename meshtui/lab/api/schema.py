"""Structural schemas of the custom resources: which fields there are, and what they may hold."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from meshtui.lab.api import builtin, rules
from meshtui.lab.api.kinds import GATEWAY_API, is_custom
from meshtui.lab.api.status import Cause
from meshtui.lab.contract import Kind, Obj

_OBJECT_META = frozenset({"apiVersion", "kind", "metadata"})
_BLOCKING = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
_RULES_SKIPPED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CustomResourceDefinition says of a kind; `rules` if a server would evaluate CEL."""

    schema: Obj
    columns: tuple[Obj, ...]
    rules: bool


@cache
def definition(kind: Kind) -> Definition | None:
    """The definition of a custom kind, None for one that is built in."""
    if not is_custom(kind):
        return None
    file = resources.files("meshtui.lab.api") / "schemas" / file_of(kind)
    data = json.loads(file.read_text())
    return Definition(data["schema"], tuple(data["columns"]), data["rules"])


def file_of(kind: Kind) -> str:
    """Two groups have Gateways."""
    return f"{kind.group if kind.group == GATEWAY_API else ''}/{kind.plural}.json".lstrip("/")


def fill_defaults(kind: Kind, obj: Obj) -> None:
    """What the schema of a custom kind sets where a client leaves it out, in place."""
    known = definition(kind)
    if known is not None:
        _fill(known.schema, obj)


def _fill(schema: Any, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _fill(schema.get("items", {}), item)
    elif isinstance(value, dict):
        others = schema.get("additionalProperties")
        for key, inner in schema.get("properties", {}).items():
            if "default" in inner and value.get(key) is None and not inner.get("nullable"):
                value[key] = copy.deepcopy(inner["default"])
            _fill(inner, value.get(key))
        for key in value if isinstance(others, dict) else ():
            _fill(others, value[key])


def prune(kind: Kind, obj: Obj) -> list[str]:
    """Drop the fields the schema does not know, in place; returns their paths."""
    known = definition(kind)
    return [] if known is None else list(_prune(known.schema, obj, "", _OBJECT_META))


def _prune(schema: Obj, value: Any, path: str, retained: frozenset[str]) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _prune(schema.get("items", {}), item, f"{path}[{index}]", frozenset())
    elif isinstance(value, dict):
        yield from _prune_map(schema, value, path, retained)


def _prune_map(schema: Obj, value: Obj, path: str, retained: frozenset[str]) -> Iterator[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    preserve = schema.get("x-kubernetes-preserve-unknown-fields") or others is True
    for key in [k for k in value if k not in retained]:
        inner = f"{path}.{key}" if path else key
        if key in properties:
            yield from _prune(properties[key], value[key], inner, frozenset())
        elif isinstance(others, dict):
            yield from _prune(others, value[key], inner, frozenset())
        elif not preserve:
            del value[key]
            yield inner


def validate(kind: Kind, obj: Obj) -> list[Cause]:
    """Everything in which `obj` breaks the schema of its kind."""
    known = definition(kind)
    schema = known.schema if known else builtin.SCHEMAS.get(kind.plural, {})
    causes = with_rules_note(kind, list(_check(schema, obj, "")))
    if known is None or not known.rules or _RULES_SKIPPED in causes:
        return causes
    return [*causes, *_expressions(schema, obj, "")]


def _expressions(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    """The values of an object of the right structure that break an expression."""
    if value is None:
        return
    for entry in schema.get("x-kubernetes-validations", ()):
        yield from _expression(entry, value, path)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions(schema.get("items", {}), item, f"{path}[{index}]")
    elif isinstance(value, dict):
        others = schema.get("additionalProperties")
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key)
            if known:
                yield from _expressions(known, inner, f"{path}.{key}" if path else key)
            elif isinstance(others, dict):
                yield from _expressions(others, inner, f"{path}[{key}]")


def _expression(entry: Obj, value: Any, path: str) -> Iterator[Cause]:
    shown = f"{json.dumps(value, ensure_ascii=False)}: "
    shown = "" if isinstance(value, (dict, list)) else shown
    try:
        if rules.holds(entry["rule"], value):
            return
    except rules.EvaluationError as error:
        shown = f'"{json_type(value)}": {error}: '
    message = f"Invalid value: {shown}{entry['message']}"
    yield Cause("FieldValueInvalid", message, path)


def misfits(schema: Obj, value: Any, path: str) -> list[Cause]:
    """The values under `path` that are of another type than `schema` wants."""
    causes = _check(schema, value, path)
    return [c for c in causes if c.reason == "FieldValueTypeInvalid"]


def with_rules_note(kind: Kind, causes: list[Cause]) -> list[Cause]:
    """Add the remark of a real server that it did not come to evaluate the expressions."""
    known = definition(kind)
    if known and known.rules and any(c.reason in _BLOCKING for c in causes):
        return [*causes, _RULES_SKIPPED]
    return causes


def _check(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    if not _type_matches(schema, value):
        yield _wrong_type(schema["type"], value, path)
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(str(v)) for v in schema["enum"])
        message = f"Unsupported value: {json.dumps(value)}: supported values: {allowed}"
        yield Cause("FieldValueNotSupported", message, path)
    if isinstance(value, dict):
        yield from _check_map(schema, value, path)
    elif isinstance(value, list):
        yield from _check_list(schema, value, path)
    elif isinstance(value, str):
        yield from _check_string(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _check_number(schema, value, path)
    yield from _check_logic(schema, value, path)


def _type_matches(schema: Obj, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, (int, str)) and not isinstance(value, bool)
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(value, bool):
        return bool(wanted == "boolean")
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[wanted])


def json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, types in _TYPES.items() if isinstance(value, types))


def _wrong_type(wanted: str, value: Any, path: str) -> Cause:
    found = json_type(value)
    message = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return Cause("FieldValueTypeInvalid", message, path)


def _broken(value: Any, path: str, rule: str) -> Cause:
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {path} in body {rule}", path)


def _check_map(schema: Obj, value: Obj, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", f"{path}.{name}" if path else name)
    if len(value) > schema.get("maxProperties", len(value)):
        limit = schema["maxProperties"]
        message = f"Too many: {len(value)}: must have at most {limit} items"
        yield Cause("FieldValueTooMany", message, path)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, inner in value.items():
        inner_schema = properties.get(key, others)
        if isinstance(inner_schema, dict):
            yield from _check(inner_schema, inner, f"{path}.{key}" if path else key)


def _check_list(schema: Obj, value: list[Any], path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxItems", len(value)):
        message = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        yield Cause("FieldValueTooMany", message, path)
    if len(value) < schema.get("minItems", 0):
        message = f"{path} in body should have at least {schema['minItems']} items"
        yield Cause("FieldValueInvalid", f"Invalid value: {len(value)}: {message}", path)
    yield from _doubles(schema.get("x-kubernetes-list-map-keys", ()), value, path)
    for index, item in enumerate(value):
        yield from _check(schema.get("items", {}), item, f"{path}[{index}]")


def _doubles(keys: Iterable[str], value: list[Any], path: str) -> Iterator[Cause]:
    """Entries of a list that is a map in truth, with the key of another."""
    seen: list[Obj] = []
    for index, item in enumerate(value if keys else ()):
        key = {name: item[name] for name in keys if isinstance(item, dict) and name in item}
        if key in seen:
            shown = json.dumps(key, separators=(",", ":"), ensure_ascii=False)
            message = f"Duplicate value: {shown}"
            yield Cause("FieldValueDuplicate", message, f"{path}[{index}]")
        seen.append(key)


def _check_string(schema: Obj, value: str, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Too long: may not be more than {schema['maxLength']} bytes"
        yield Cause("FieldValueTooLong", message, path)
    if len(value) < schema.get("minLength", 0):
        yield _broken(value, path, f"should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        yield _broken(value, path, f"should match '{pattern}'")


def _check_number(schema: Obj, value: float, path: str) -> Iterator[Cause]:
    if value < schema.get("minimum", value):
        yield _broken(value, path, f"should be greater than or equal to {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield _broken(value, path, f"should be less than or equal to {schema['maximum']}")


def _check_logic(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf", ()):
        yield from _check(part, value, path)
    if "anyOf" in schema and not any(_holds(s, value) for s in schema["anyOf"]):
        yield _no_choice(path, "at least one schema (anyOf)")
    if "oneOf" in schema:
        valid = sum(_holds(s, value) for s in schema["oneOf"])
        if valid == 0:
            yield _no_choice(path, "one and only one schema (oneOf). Found none valid")
        elif valid > 1:
            rule = f"one and only one schema (oneOf). Found {valid} valid alternatives"
            yield _no_choice(path, rule)
    if "not" in schema and _holds(schema["not"], value):
        message = f'Invalid value: "": "{path}" must not validate the schema (not)'
        yield Cause("FieldValueInvalid", message, path)


def _no_choice(path: str, rule: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "": "{path}" must validate {rule}', path)


def _holds(schema: Obj, value: Any) -> bool:
    return next(_check(schema, value, ""), None) is None

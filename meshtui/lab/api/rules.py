"""The expressions (CEL) in the schemas of the custom kinds that the lab serves, by their own text.

Those of Istio's kinds are a table; the others are evaluated (`cel`). A test holds that every
expression is one or the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from meshtui.lab.api import cel

_DURATION = re.compile(r"([-+]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PORT_NAME = re.compile(r"^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$")
_ONE_PLACE = "(has(self.{}) ? 1 : 0)"


class EvaluationError(Exception):
    """The expression cannot be evaluated on this value; the text is CEL's."""


def holds(rule: str, value: Any) -> bool:
    """Whether a value keeps a rule. Raises EvaluationError, and SyntaxError for an unknown rule.

    What compares with the state before is not asked.
    """
    if rule in RULES:
        return RULES[rule](value)
    if "oldSelf" in rule:
        return True
    try:
        return cel.compiled(rule)(value)
    except cel.NoSuchKeyError as error:
        raise EvaluationError(f"{error} evaluating rule") from error


def duration_s(text: str) -> float:
    """Seconds of a duration as Go reads it: https://pkg.go.dev/time#ParseDuration."""
    if text.lstrip("+-") == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise EvaluationError(
            "type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule"
        )
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return -seconds if text.startswith("-") else seconds


def _at_most_one(*names: str) -> tuple[str, Callable[[Any], bool]]:
    rule = " + ".join(map(_ONE_PLACE.format, names)) + " <= 1"
    return rule, lambda value: sum(name in value for name in names) <= 1


def _is_port(value: Any) -> bool:
    return bool(0 < value <= 65535)


def _unix_path(value: str) -> bool:
    return not value.startswith("unix://") or value[7:8] in ("/", "@")


def _text(value: Mapping[str, Any], key: str, default: str) -> str:
    return str(value.get(key, default))


def _items(value: Mapping[str, Any], key: str) -> list[Any]:
    return list(value.get(key, ()))


def _waypoint_match(value: Mapping[str, Any]) -> bool:
    return ("waypoint" in value) == (value.get("context") == "WAYPOINT")


def _cidr_resolution(value: Mapping[str, Any]) -> bool:
    ranges = any("/" in str(address) for address in _items(value, "addresses"))
    return not ranges or _text(value, "resolution", "NONE") in ("STATIC", "NONE")


def _port_modes(value: Mapping[str, Any]) -> bool:
    labels = (value.get("selector") or {}).get("matchLabels") or {}
    return "portLevelMtls" not in value or bool(labels)


def _port_keys(value: Mapping[str, Any]) -> bool:
    if not all(re.fullmatch(r"[-+]?\d+", key) for key in value):
        raise EvaluationError("type conversion error from 'string' to 'int' evaluating rule")
    return all(0 < int(key) <= 65535 for key in value)


def _one_kind_of_source(value: Mapping[str, Any]) -> bool:
    if "serviceAccounts" not in value and "notServiceAccounts" not in value:
        return True
    others = ("principals", "notPrincipals", "namespaces", "notNamespaces")
    return not any(key in value for key in others)


def _ports_differ(value: list[Mapping[str, Any]]) -> bool:
    numbers = [port.get("number") for port in value]
    return len(numbers) == len(set(numbers))


RULES: Mapping[str, Callable[[Any], bool]] = {
    "duration(self) >= duration('1ms')": lambda value: duration_s(value) >= 1e-3,
    "self.size() == 0": lambda value: not value,
    "0 < self && self <= 65535": _is_port,
    '!self.contains("*")': lambda value: "*" not in value,
    'self.all(key, !key.contains("*"))': lambda value: all("*" not in key for key in value),
    "self.all(key, key.size() != 0)": all,
    'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || '
    'self.substring(7, 8) == "@") : true': _unix_path,
    'self.startsWith("unix://") ? !self.endsWith("/") : true': lambda value: (
        not (value.startswith("unix://") and value.endswith("/"))
    ),
    'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))': (
        lambda value: all(len(key) < 63 and _PORT_NAME.match(key) for key in value)
    ),
    '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true': (
        lambda value: not (_text(value, "address", "").startswith("unix://") and "ports" in value)
    ),
    "has(self.address) || has(self.network)": lambda value: (
        "address" in value or "network" in value
    ),
    'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : '
    "!has(self.waypoint)) : !has(self.waypoint)": _waypoint_match,
    'self != "*"': lambda value: value != "*",
    "self.all(l1, self.exists_one(l2, l1.number == l2.number))": _ports_differ,
    '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && '
    '!((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))': (
        _cidr_resolution
    ),
    '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true': (
        lambda value: _text(value, "resolution", "NONE") != "NONE" or "endpoints" not in value
    ),
    '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? '
    "((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true": lambda value: (
        _text(value, "resolution", "") != "DNS_ROUND_ROBIN" or len(_items(value, "endpoints")) <= 1
    ),
    "has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? "
    "self.selector.matchLabels : {}).size() > 0) : true": _port_modes,
    "self.all(key, 0 < int(key) && int(key) <= 65535)": _port_keys,
    "(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) &&\n"
    "!has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true": (
        _one_kind_of_source
    ),
    'self in ["", "HTTP", "HTTPS"]': lambda value: value in ("", "HTTP", "HTTPS"),
    **dict(
        (
            _at_most_one("workloadSelector", "targetRefs"),
            _at_most_one("selector", "targetRef", "targetRefs"),
            _at_most_one("workloadSelector", "endpoints"),
            _at_most_one("tlsCertificates", "credentialNames"),
            _at_most_one("credentialName", "credentialNames"),
            _at_most_one("credentialNames", "tlsCertificates"),
        )
    ),
}


def named_in(schema: Any) -> Iterator[str]:
    """Every rule that a schema names."""
    if isinstance(schema, dict):
        yield from (rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
        for inner in schema.values():
            yield from named_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from named_in(inner)

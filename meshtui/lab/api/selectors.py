"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from meshtui.lab.api import status
from meshtui.lab.contract import Obj

Predicate = Callable[[Obj], bool]

_TOKEN = re.compile(r"\s*(?:(==|!=|[=(),!><])|([^\s=!(),<>]+))")
_OPERATORS = frozenset({"=", "==", "!=", "in", "notin", ">", "<"})
_PUNCTUATION = frozenset({"=", "==", "!=", ">", "<", "(", ")", ",", "!"})


def label_selector(text: str) -> Predicate:
    """A predicate over objects; 400 where the selector cannot be read."""
    requirements = _Parser(text).requirements()

    def matches(obj: Obj) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return matches


class _Parser:
    """Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`."""

    def __init__(self, text: str) -> None:
        self._tokens = [m[1] or m[2] for m in _TOKEN.finditer(text)]
        self._at = 0

    def requirements(self) -> list[Predicate]:
        found: list[Predicate] = []
        while self._at < len(self._tokens):
            found.append(self._requirement())
            if self._at < len(self._tokens):
                self._expect(",")
        return found

    def _requirement(self) -> Predicate:
        if self._peek() == "!":
            self._at += 1
            absent = self._word("identifier")
            return lambda labels: absent not in labels
        key = self._word("identifier")
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        if operator not in _OPERATORS:
            raise _unparsable(operator, "in, notin, =, ==, !=, gt, lt")
        self._at += 1
        return self._compare(key, operator)

    def _compare(self, key: str, operator: str) -> Predicate:
        if operator in ("in", "notin"):
            values = self._values()
            if operator == "in":
                return lambda labels: labels.get(key) in values
            return lambda labels: labels.get(key) not in values
        value = "" if self._peek() in ("", ",") else self._word("identifier")
        if operator in ("<", ">"):
            return _numeric(key, operator, value)
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value

    def _values(self) -> set[str]:
        self._expect("(")
        values = {self._word("identifier")}
        while self._peek() == ",":
            self._at += 1
            values.add(self._word("identifier"))
        self._expect(")")
        return values

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _word(self, expected: str) -> str:
        word = self._peek()
        if not word or word in _PUNCTUATION:
            raise _unparsable(word, expected)
        self._at += 1
        return word

    def _expect(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise _unparsable(self._peek(), f"'{wanted}'")
        self._at += 1


def _numeric(key: str, operator: str, value: str) -> Predicate:
    if not value.isdigit():
        raise status.bad_request(
            f"values[0][{key}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, "
            "the value must be an integer"
        )
    limit = int(value)

    def compare(labels: Obj) -> bool:
        label = labels.get(key, "")
        return label.isdigit() and (int(label) > limit if operator == ">" else int(label) < limit)

    return compare


def _unparsable(found: str, expected: str) -> status.ApiError:
    return status.bad_request(f"unable to parse requirement: found '{found}', expected: {expected}")


_COMMON_FIELDS = {"metadata.name", "metadata.namespace"}
_FIELDS: dict[str, set[str]] = {
    "pods": {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    },
    "namespaces": {"status.phase"},
    "services": {"spec.clusterIP", "spec.type"},
    "replicasets": {"status.replicas"},
    "events": {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    },
}
_ALIASES = {
    "reportingController": "reportingComponent",
    "source": "source.component",
}


def field_selector(text: str, plural: str) -> Predicate:
    """A predicate over stored objects; 400 for a field the kind cannot be selected by."""
    known = _COMMON_FIELDS | _FIELDS.get(plural, set())
    terms = [_field_term(term, known) for term in text.split(",") if term]
    return lambda obj: all(term(obj) for term in terms)


def _field_term(term: str, known: set[str]) -> Predicate:
    match = re.fullmatch(r"\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*", term)
    if match is None:
        raise status.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    name, operator, value = match.groups()
    field = name.replace("regarding.", "involvedObject.", 1)
    if field not in known and _ALIASES.get(field) not in known:
        raise status.bad_request(f"field label not supported: {name}")
    path = _ALIASES.get(field, field).split(".")
    return lambda obj: (_text_at(obj, path) == value) != (operator == "!=")


def _text_at(obj: Any, path: list[str]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)


def from_query(label: str, field: str, plural: str) -> Predicate:
    """Both selectors of a list, watch or deletecollection."""
    by_label = label_selector(label) if label else None
    by_field = field_selector(field, plural) if field else None
    return lambda obj: (by_label is None or by_label(obj)) and (by_field is None or by_field(obj))

"""The part of CEL that the Gateway API's definitions are written in, evaluated on JSON.

https://github.com/google/cel-spec: an expression becomes a function of its variables. What is not
of that part is a SyntaxError, so that a definition with more in it is noticed when it is copied.
"""

from __future__ import annotations

import ast
import contextlib
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Variables = Mapping[str, Any]
Node = Callable[[Variables], Any]

_TOKEN = re.compile(
    r'\s*(?:(?P<raw>r"""(?:.|\n)*?""")|(?P<text>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>&&|\|\||[=!<>]=|[-+?:!<>.,()\[\]]))"
)
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "in": lambda one, many: one in many,
}
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_ESCAPED = re.compile(r"__(\w+)__")
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")


class NoSuchKeyError(Exception):
    """A field that is not there; what does not depend on it may hold all the same."""


@cache
def compiled(expression: str) -> Callable[[Any], bool]:
    """A rule as a function of `self`; SyntaxError for what is not understood."""
    parser = _Parser(expression)
    node = parser.ternary()
    parser.expect("")
    return lambda value: bool(node({"self": value}))


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(expression.rstrip()):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise SyntaxError(f"not understood at {position}: {expression[position:]!r}")
        position = match.end()
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
    return [*found, ("end", "")]


class _Parser:
    """By recursive descent: a method for each level of precedence."""

    def __init__(self, expression: str) -> None:
        self._tokens = _tokens(expression)
        self._at = 0

    def expect(self, text: str) -> None:
        if self._taken(text) is None:
            raise SyntaxError(f"{text!r} expected before {self._tokens[self._at][1]!r}")

    def _taken(self, *texts: str) -> str | None:
        """The next token where it is one of these."""
        kind, text = self._tokens[self._at]
        if kind in ("text", "raw") or text not in texts:
            return None
        self._at += 1
        return text

    def ternary(self) -> Node:
        condition = self._either()
        if self._taken("?") is None:
            return condition
        first = self.ternary()
        self.expect(":")
        second = self.ternary()
        return lambda names: first(names) if condition(names) else second(names)

    def _either(self) -> Node:
        node = self._both()
        while self._taken("||"):
            node = _absorbing(node, self._both(), decided=True)
        return node

    def _both(self) -> Node:
        node = self._compared()
        while self._taken("&&"):
            node = _absorbing(node, self._compared(), decided=False)
        return node

    def _compared(self) -> Node:
        node = self._sum()
        while sign := self._taken(*_COMPARED):
            node = _applied(_COMPARED[sign], node, self._sum())
        return node

    def _sum(self) -> Node:
        node = self._unary()
        while self._taken("+"):
            node = _applied(operator.add, node, self._unary())
        return node

    def _unary(self) -> Node:
        if self._taken("!"):
            inner = self._unary()
            return lambda names: not inner(names)
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while sign := self._taken(".", "["):
            if sign == "[":
                node = _applied(operator.getitem, node, self.ternary())
                self.expect("]")
                continue
            name = self._name()
            node = self._method(node, name) if self._taken("(") else _field(node, name)
        return node

    def _name(self) -> str:
        kind, text = self._tokens[self._at]
        if kind != "name":
            raise SyntaxError(f"a name expected before {text!r}")
        self._at += 1
        return text

    def _primary(self) -> Node:
        kind, text = self._tokens[self._at]
        if self._taken("("):
            node = self.ternary()
            self.expect(")")
            return node
        if self._taken("["):
            return _listed(self._arguments("]"))
        self._at += 1
        if kind in ("raw", "text", "number"):
            constant = ast.literal_eval(text)
            return lambda _: constant
        if kind != "name":
            raise SyntaxError(f"not understood: {text!r}")
        if text in _CONSTANTS:
            return lambda _: _CONSTANTS[text]
        return self._function(text) if self._taken("(") else lambda names: names[text]

    def _arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while self._taken(end) is None:
            if found:
                self.expect(",")
            found.append(self.ternary())
        return found

    def _function(self, name: str) -> Node:
        (argument,) = self._arguments(")")
        if name == "has":
            return _is_there(argument)
        if name not in _FUNCTIONS:
            raise SyntaxError(f"no function {name!r}")
        return lambda names: _FUNCTIONS[name](argument(names))

    def _method(self, node: Node, name: str) -> Node:
        if name in _MACROS:
            variable = self._name()
            self.expect(",")
            body = self.ternary()
            self.expect(")")
            return lambda names: _MACROS[name](node(names), variable, body, names)
        arguments = self._arguments(")")
        if name not in _METHODS:
            raise SyntaxError(f"no method {name!r}")
        return lambda names: _METHODS[name](node(names), *(a(names) for a in arguments))


def _absorbing(first: Node, second: Node, decided: bool) -> Node:
    """`||` and `&&`: a side that decides makes up for one that can't be evaluated."""

    def node(names: Variables) -> bool:
        try:
            left = bool(first(names))
        except NoSuchKeyError:
            with contextlib.suppress(NoSuchKeyError):
                if bool(second(names)) is decided:
                    return decided
            raise
        return left if left is decided else bool(second(names))

    return node


def _applied(function: Callable[[Any, Any], Any], first: Node, second: Node) -> Node:
    return lambda names: function(first(names), second(names))


def _listed(parts: list[Node]) -> Node:
    return lambda names: [part(names) for part in parts]


def _field(node: Node, name: str) -> Node:
    """A field; `__namespace__` is how a word of CEL's own is written."""
    escaped = _ESCAPED.fullmatch(name)
    key = escaped[1] if escaped else name

    def read(names: Variables) -> Any:
        value = node(names)
        if not isinstance(value, dict) or key not in value:
            raise NoSuchKeyError(f"no such key: {key}")
        return value[key]

    return read


def _is_there(argument: Node) -> Node:
    def found(names: Variables) -> bool:
        try:
            argument(names)
        except NoSuchKeyError:
            return False
        return True

    return found


def _each(variable: str, body: Node, names: Variables) -> Callable[[Any], bool]:
    return lambda item: bool(body({**names, variable: item}))


_MACROS: Mapping[str, Callable[[Any, str, Node, Variables], Any]] = {
    "all": lambda many, name, body, names: all(map(_each(name, body, names), many)),
    "exists": lambda many, name, body, names: any(map(_each(name, body, names), many)),
    "exists_one": lambda many, name, body, names: sum(map(_each(name, body, names), many)) == 1,
    "filter": lambda many, name, body, names: list(filter(_each(name, body, names), many)),
}
_METHODS: Mapping[str, Callable[..., Any]] = {
    "size": len,
    "matches": lambda text, pattern: re.search(_flags_first(pattern), text) is not None,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda text, part: part in text,
    "split": str.split,
    "substring": lambda text, start: text[start:],
}


def _flags_first(pattern: str) -> str:
    """RE2 takes flags behind the anchor."""
    return pattern.replace("^(?i)", "(?i)^")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _duration(text: str) -> float:
    """Nanoseconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "size": len,
    "isIP": _is_ip,
    "duration": _duration,
}

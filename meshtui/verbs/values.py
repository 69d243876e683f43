"""The kinds of value a verb takes: each is read by one parser, whoever typed it.

A parser raises `Usage` with one line that says what is wrong, and a hint with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.flags import GRPC, GRPC_CODES
from meshtui.mesh.quantity import percentage, seconds

NO_LIMIT = ("0", "0s", "none", "off")
"""How a person says that something has no time limit."""

MOST = 2_147_483_647
"""The largest integer that Istio's fields hold."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


Values = dict[str, Any]
"""By the attributes of a verb's parameters."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its name, its parser, and an example that the parser takes."""

    name: str
    parse: Callable[[str], Any]
    example: str


@dataclass(frozen=True, slots=True)
class Usual:
    """No value was given: that of a setting stands in, or `value` where nothing is set."""

    setting: str
    value: Any


def settled(values: Mapping[str, Any], usual: Mapping[str, Any] = MappingProxyType({})) -> Values:
    """The values, those that were not given by the settings' `usual` ones."""
    return {
        key: usual.get(one.setting, one.value) if isinstance(one, Usual) else one
        for key, one in values.items()
    }


def _text(text: str) -> str:
    if not text.strip():
        raise Usage("an empty value", "write a name")
    return text


def weight(text: str) -> tuple[str, float]:
    """A version and its weight, from `v1=80` or `v1=80%`. Weights are ratios."""
    name, equals, number = text.rpartition("=")
    if not equals or not name:
        raise Usage(f"{text!r} names no version and weight", "write VERSION=WEIGHT, as in v1=80")
    if number.endswith("%"):
        return name, percent(number)
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9 or number.strip() != number:
        raise Usage(f"{text!r}: a weight is 0 or more", "write VERSION=WEIGHT, as in v1=80")
    return name, value


def percent(text: str) -> float:
    """0 to 100, from `5`, `5%` or `0.5%`."""
    value = percentage(text)
    if value is not None:
        return value
    hint = "write a number from 0 to 100"
    if seconds(text):
        hint += f"; a time limit is `for {text}`"
    try:
        given = float(text.strip().removesuffix("%"))
    except ValueError:
        raise Usage(f"{text!r} is not a percentage", hint) from None
    wrong = "more than 100 %" if given > 100 else "less than 0 %" if given < 0 else "not a number"
    raise Usage(f"{text!r} is {wrong}", hint)


def duration(text: str) -> float:
    """Seconds, more than 0, from `3s`, `200ms`, `1h30m`."""
    value = seconds(text)
    if not value:
        raise Usage(f"{text!r} is not a duration", "write a time with its unit, as in 3s or 200ms")
    return value


def istio_duration(text: str) -> str:
    """A duration, spelled as Istio's objects hold it."""
    duration(text)
    return text.strip()


def time_limit(text: str) -> float | None:
    """Seconds until it is taken back; None for no limit (`0`, `none`, `off`)."""
    if text.strip().lower() in NO_LIMIT:
        return None
    try:
        return duration(text)
    except Usage as error:
        raise Usage(error.what, "write a time, as in 15m or 2h, or none") from None


def status(text: str) -> int | str:
    """An HTTP status (200 to 599), or the name of a gRPC status from its name or number."""
    hint = "write an HTTP (503) or gRPC status (UNAVAILABLE, 14)"
    word = text.strip()
    if word.isascii() and word.isdigit() and len(word) <= 3:
        number = int(word)
        if 200 <= number <= 599:
            return number
        if 0 < number < len(GRPC_CODES):
            return GRPC[str(number)][0]
        raise Usage(f"{text!r} is not a status", hint)
    name = {"CANCELED": "CANCELLED"}.get(word.upper(), word.upper())
    if GRPC_CODES.get(name):
        return name
    raise Usage(f"{text!r} is not a status", hint)


def header(text: str) -> tuple[str, str]:
    """A header's name (a token of RFC 9110) and its value, which may be empty.

    `NAME: VALUE` as curl takes it, too: a name has neither of the two signs.
    """
    sign = next((char for char in text if char in "=:"), "")
    if not sign:
        raise Usage(f"{text!r} is not a header", "write NAME=VALUE, as in x-chaos=true")
    name, _, value = text.partition(sign)
    if not _TOKEN.fullmatch(name):
        raise Usage(f"{name!r} is not the name of a header", "write NAME=VALUE, as in x-chaos=true")
    return name, value.strip() if sign == ":" else value


def whole(text: str) -> int:
    """An integer from 0 that Istio's fields can hold."""
    word = text.strip()
    if not (word.isascii() and word.isdigit()) or len(word) > 10 or int(word) > MOST:
        raise Usage(f"{text!r} is not a whole number", f"write a number from 0 to {MOST}")
    return int(word)


def count(text: str) -> int:
    """An integer from 1 to a million."""
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:8]) <= 1_000_000:
        raise Usage(f"{text!r} is not a count", "write a number from 1 to 1000000")
    return int(text)


def port(text: str) -> int:
    """A TCP port."""
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or not 0 < int(text) < 65536:
        raise Usage(f"{text!r} is not a port", "write a number from 1 to 65535")
    return int(text)


def rate(text: str) -> float:
    """Requests per second, 0 to 500."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 500:
        raise Usage(f"{text!r} is not a rate", "write requests per second, 0 to 500")
    return value


def load_rate(text: str) -> float:
    """Requests per second of a load from inside a mesh: more than 0, at most 1000."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1000:
        raise Usage(f"{text!r} is not a rate", "write requests per second, up to 1000")
    return value


def method(text: str) -> str:
    """An HTTP method, in capitals."""
    if _TOKEN.fullmatch(text):
        return text.upper()
    raise Usage(f"{text!r} is not an HTTP method", f"write one of {', '.join(METHODS)}")


def path(text: str) -> str:
    """A request's path with its query; it begins with a slash."""
    return text if text.startswith("/") else f"/{text}"


def folder(text: str) -> Path:
    """A folder; `~` is the home folder."""
    return Path(text).expanduser()


TEXT = Kind("text", _text, "NAME")
FREE = Kind("any text", str, "TEXT")
WEIGHT = Kind("weight", weight, "v1=80")
PERCENT = Kind("percentage", percent, "50")
DURATION = Kind("duration", duration, "3s")
ISTIO_DURATION = Kind("duration", istio_duration, "10s")
TIME_LIMIT = Kind("time limit", time_limit, "15m")
STATUS = Kind("status", status, "503")
HEADER = Kind("header", header, "x-chaos=true")
WHOLE = Kind("whole number", whole, "100")
COUNT = Kind("count", count, "10")
PORT = Kind("port", port, "9080")
RATE = Kind("rate", rate, "40")
LOAD_RATE = Kind("rate", load_rate, "50")
METHOD = Kind("method", method, "GET")
PATH = Kind("path", path, "/")
FOLDER = Kind("folder", folder, "D")

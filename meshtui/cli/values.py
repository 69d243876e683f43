"""Words of the command line as values; each refuses what it can't be with one clear line."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from meshtui.mesh.quantity import percentage, seconds
from meshtui.metrics.choose import is_wanted

GRPC_CODES = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]


def weight(text: str) -> tuple[str, float]:
    """`v1=80` or `v1=80%`."""
    name, equals, number = text.rpartition("=")
    value = percentage(number) if equals else None
    if equals and value is None:
        try:
            value = float(number)
        except ValueError:
            value = None
    if not name or value is None or not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}: say VERSION=WEIGHT, as in v1=80")
    return name, value


def percent(text: str) -> float:
    value = percentage(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r}: a percentage is 0 to 100")
    return value


def duration(text: str) -> float:
    """Seconds, from `3s`, `200ms`, `1h30m`."""
    value = seconds(text)
    if value is None or value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: say a duration, as in 3s, 200ms or 2h")
    return value


def timeout(text: str) -> float:
    """A duration; `off` is what the screen calls it."""
    if text.lower() == "off":
        raise argparse.ArgumentTypeError("use --off")
    return duration(text)


def limit(text: str) -> float | None:
    """A time limit; `0` is none."""
    return None if text in ("0", "0s") else duration(text)


def abort(text: str) -> int | str:
    """An HTTP status or the name of a gRPC status."""
    if text.isdigit() and 200 <= int(text) <= 599:
        return int(text)
    if text.upper() in GRPC_CODES:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r}: say an HTTP status (503) or a gRPC one (INTERNAL)")


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: say NAME=VALUE, as in x-chaos=true")
    return name, value


def count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}: say a number from 1")
    return int(text)


def whole(text: str) -> int:
    if not text.isdigit() or int(text) > 2_147_483_647:
        raise argparse.ArgumentTypeError(f"{text!r}: say a whole number from 0")
    return int(text)


def go_duration(text: str) -> str:
    """A duration as Istio reads it."""
    duration(text)
    return text


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}: a port is 1 to 65535")
    return int(text)


def rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 500:
        raise argparse.ArgumentTypeError(f"{text!r}: requests per second are 0 to 500")
    return value


def prometheus(text: str) -> str:
    if is_wanted(text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r}: say auto, none or http://HOST:PORT")


def path(text: str) -> Path:
    return Path(text).expanduser()

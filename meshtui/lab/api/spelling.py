"""JSON as Go spells it: a JSON Patch's `test` compares scalars by spelling, not by meaning.

`"a&b"` is not what the server holds: encoding/json writes `"a\\u0026b"`. Seen of kube-apiserver
1.36, whose patches are https://github.com/evanphx/json-patch/blob/v4.13.0/patch.go.
"""

from __future__ import annotations

import json
import re
from json import scanner
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_ESCAPED = re.compile("[<>&\u2028\u2029]")


class SpelledText(str):
    """A string with the spelling that the client gave it."""

    raw: str


class SpelledInt(int):
    """A whole number with its spelling."""

    raw: str


class SpelledFloat(float):
    """Any other number with its spelling."""

    raw: str


class _Decoder(json.JSONDecoder):
    """Keeps the spelling of every scalar that is a value."""

    def __init__(self) -> None:
        super().__init__(parse_int=_integer, parse_float=_decimal, parse_constant=_refuse)
        self.parse_string = _string
        # The quick scanner in C does not ask for how a string is read.
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def parse(body: str) -> Any:
    """JSON whose scalars remember their spelling. Raises ValueError or RecursionError."""
    return _Decoder().decode(body)


def go_json(value: Any) -> str:
    """As Go's encoding/json writes it: sorted keys, no spaces, HTML's own characters escaped."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def spelling(value: Any) -> str:
    """How a scalar is spelt: by the client where it came in this patch, else by the server."""
    raw = getattr(value, "raw", None)
    return raw if isinstance(raw, str) else go_json(value)


def plain(value: Any) -> Any:
    """A copy without spellings, to be stored."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    for spelled, base in ((SpelledText, str), (SpelledInt, int), (SpelledFloat, float)):
        if isinstance(value, spelled):
            return base(value)
    return value


def _string(text: str, begin: int, strict: bool = True) -> tuple[SpelledText, int]:
    value, end = scanstring(text, begin, strict)
    spelled = SpelledText(value)
    spelled.raw = text[begin - 1 : end]
    return spelled, end


def _integer(text: str) -> SpelledInt:
    spelled = SpelledInt(text)
    spelled.raw = text
    return spelled


def _decimal(text: str) -> SpelledFloat:
    spelled = SpelledFloat(text)
    spelled.raw = text
    return spelled


def _refuse(constant: str) -> Any:
    raise ValueError(f"invalid character in literal {constant}")

"""How a Prometheus is asked: its scope, and what it wants to see before it answers."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from meshtui.dataclass import dataclass
from meshtui.errors import Unreachable, Usage
from meshtui.metrics.scope import ALL, Scope

HEADER_EXAMPLE = "X-Scope-OrgID: team-a"

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OURS = ("host", "content-length", "content-type", "transfer-encoding", "connection")
_LARGEST = 65_536


@dataclass(frozen=True, slots=True)
class Access:
    """`headers` are sent with every query. Of the two files, which are read anew for every query
    as tokens are rotated, `token_file` holds a bearer token and `basic_file` `user:password`.
    """

    scope: Scope = ALL
    headers: tuple[tuple[str, str], ...] = ()
    token_file: str = ""
    basic_file: str = ""

    def __post_init__(self) -> None:
        given = [bool(self.token_file), bool(self.basic_file)]
        given.append(any(name.lower() == "authorization" for name, _ in self.headers))
        if sum(given) > 1:
            hint = "give one of a token's file, a password's file and an Authorization header"
            raise Usage("Prometheus: more than one way to log in is given", hint)

    @property
    def secret(self) -> bool:
        """Whether there is something to log in with."""
        return bool(self.token_file or self.basic_file) or any(
            name.lower() == "authorization" for name, _ in self.headers
        )

    def authorization(self) -> Mapping[str, str]:
        """The header to log in with, where a file says it. Raises Unreachable."""
        if self.token_file:
            return {"Authorization": f"Bearer {_line_of(self.token_file)}"}
        if self.basic_file:
            pair = _line_of(self.basic_file)
            if ":" not in pair:
                raise Unreachable(f"{self.basic_file} does not hold USER:PASSWORD")
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}


PLAIN = Access()
"""Everything is asked for, and nothing is sent beside the query."""


def parse_header(text: str) -> tuple[str, str]:
    """`X-Scope-OrgID: team-a`. Raises `Usage`, without the value, which may be a secret."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    hint = f"write NAME: VALUE, as in '{HEADER_EXAMPLE}'"
    if not colon or not _NAME.fullmatch(name):
        raise Usage(f"{name[:40]!r} is not the name of a header", hint)
    if name.lower() in _OURS:
        raise Usage(f"the header {name} cannot be set", hint)
    if not value or not _VALUE.fullmatch(value):
        raise Usage(f"the header {name} has no printable value", hint)
    return name, value


def read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """One header, or with `@FILE` those of a file, one a line: a command line is seen by all.

    Raises `Usage`.
    """
    if not text.startswith("@"):
        return (parse_header(text),)
    file = text[1:]
    try:
        with Path(file).expanduser().open(encoding="utf-8") as opened:
            if opened.seekable():
                opened.seek(0)  # an open file that was handed on may have been read already
            lines = opened.read(_LARGEST).splitlines()
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Usage(f"{file} cannot be read ({why})", "it holds headers, one a line") from None
    return tuple(parse_header(line) for line in lines if line.strip())


def _line_of(file: str) -> str:
    """The one line of a file."""
    try:
        with Path(file).expanduser().open(encoding="utf-8") as opened:
            text = opened.read(_LARGEST).strip()
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Unreachable(
            f"{file} cannot be read ({why})", "it is to log in to Prometheus"
        ) from None
    if not text or not text.isprintable():
        raise Unreachable(f"{file} does not hold one line", "it is to log in to Prometheus")
    return text

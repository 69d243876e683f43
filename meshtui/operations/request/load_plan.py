"""A bounded load: what is asked for, the program that makes it, what that prints. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.json_text import decode
from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.request.load_program import BEHIND_S as BEHIND_S
from meshtui.operations.request.load_program import FIRST_MS, GROWTH, PER_BUCKET
from meshtui.operations.request.load_program import REPORT_S as REPORT_S
from meshtui.operations.request.tools import Outgoing

MOST_REQUESTS, MOST_SECONDS = 100_000, 600.0
MOST_RATE, MOST_CONNECTIONS = 1_000.0, 200
_BUCKETS = 500
CUT_OFF = "cut off: whether it was sent is not known"
"""In the place of an answer, where a load is stopped or the rest of it does not come."""

STOP = b"\n"
"""What the program stops at once it comes after it on its standard input."""

_LOADER = """
import os
data = b""
while len(data) < {size}:
    part = os.read(0, {size} - len(data))
    if not part:
        raise SystemExit("the program was not sent")
    data += part
exec(data.decode())
"""
"""Reads no byte more than the program: what comes after it is for the program."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """`rate` requests a second for `seconds`, over at most `connections` at a time; `by` is the
    only way in which it is made, where that is said."""

    rate: float
    seconds: float
    connections: int
    by: str = ""

    @property
    def requests(self) -> int:
        return int(self.rate * self.seconds)

    def validate(self) -> None:
        """Raises Usage where it is no load, or more than one may ask for."""
        if not 0 < self.rate <= MOST_RATE:
            raise Usage(f"{self.rate:g} requests/s", f"write a rate up to {MOST_RATE:g}")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise Usage(f"{self.seconds:g} s is no time for a load", f"at most {MOST_SECONDS:g} s")
        if not 0 < self.connections <= MOST_CONNECTIONS:
            raise Usage(f"{self.connections} connections", f"write 1 to {MOST_CONNECTIONS}")
        if not 0 < self.requests <= MOST_REQUESTS:
            raise Usage(f"{self.requests} requests", f"at most {MOST_REQUESTS}, at least one")


def program() -> bytes:
    """What runs in the container."""
    return Path(__file__).with_name("load_program.py").read_bytes()


def command(plan: LoadPlan, outgoing: Outgoing) -> tuple[str, ...]:
    """Reads the program from its standard input, whose end is also the program's."""
    asked = {
        "host": outgoing.host.strip("[]"),
        "port": outgoing.port,
        "request": request_text(outgoing),
        "head": outgoing.method == "HEAD",
        "safe": outgoing.method in SAFE_METHODS,
        "rate": plan.rate,
        "seconds": plan.seconds,
        "workers": plan.connections,
        "timeout": outgoing.timeout_s,
    }
    return ("python3", "-I", "-S", "-c", _LOADER.format(size=len(program())), json.dumps(asked))


def request_text(outgoing: Outgoing) -> str:
    """The request as it goes over the wire, each byte a character."""
    lines = [f"{outgoing.method} {outgoing.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in outgoing.sent]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode().decode("latin-1")


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of requests: by status, by what went wrong, and by bucket of their times.

    `late` began a tenth of a second behind their time: all connections were busy. `seconds` is
    how long it took.
    """

    codes: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)
    late: int = 0
    seconds: float = 0.0
    done: bool = False
    """It is the last."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.codes + other.codes,
            self.errors + other.errors,
            self.times + other.times,
            self.late + other.late,
            max(self.seconds, other.seconds),
            self.done or other.done,
        )

    @property
    def requests(self) -> int:
        return self.codes.total() + self.errors.total()

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds > 0 else 0.0

    def quantile_ms(self, q: float) -> float | None:
        """The upper bound of the bucket in which the `q`-quantile lies; 5 % exact."""
        wanted = q * self.times.total()
        for bucket in sorted(self.times):
            wanted -= self.times[bucket]
            if wanted <= 0:
                return upper_ms(bucket)
        return None

    def histogram(self, bars: int) -> Iterator[tuple[float, float, int]]:
        """At most `bars` ranges of milliseconds, each with how many answers came within it."""
        if not self.times:
            return
        first, last = min(self.times), max(self.times)
        width = -(-(last - first + 1) // bars)
        for low in range(first, last + 1, width):
            high = low + width - 1
            found = sum(n for bucket, n in self.times.items() if low <= bucket <= high)
            yield upper_ms(low - 1), upper_ms(high), found


def bucket_of(milliseconds: float) -> int:
    """As the program in the container has it."""
    return int(math.log(max(milliseconds / FIRST_MS, 1.0)) * PER_BUCKET)


def upper_ms(bucket: int) -> float:
    return float(FIRST_MS * GROWTH ** (bucket + 1))


def read_line(line: bytes) -> Tally | None:
    """One line of the program; None where it is something else. Never raises."""
    try:
        found = decode(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "codes" not in found:
        return None
    codes = {
        int(c): n for c, n in _counts(found, "codes") if c.isdigit() and len(c) == 3 and c > "099"
    }
    times = {int(b): n for b, n in _counts(found, "times") if b.isdigit() and int(b[:6]) < _BUCKETS}
    late, at = found.get("late"), found.get("at")
    return Tally(
        Counter(codes),
        Counter(dict(_counts(found, "errors"))),
        Counter(times),
        late if isinstance(late, int) and 0 <= late <= MOST_REQUESTS else 0,
        float(at) if isinstance(at, int | float) and 0 <= at <= 2 * MOST_SECONDS else 0.0,
        found.get("done") is True,
    )


def _counts(found: dict[str, object], name: str) -> Iterator[tuple[str, int]]:
    part = found.get(name)
    for key, value in list(part.items())[:_BUCKETS] if isinstance(part, dict) else ():
        if isinstance(key, str) and key.isascii() and len(key) <= 200 and _is_count(value):
            yield key, value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9

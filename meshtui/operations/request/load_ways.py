"""What can make a load, how much of it, and the one question that finds out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.operations.request.load_plan import MOST_CONNECTIONS, MOST_RATE, LoadPlan

PYTHON, CURL, WGET, FORWARD = "python3", "curl", "wget", "forward"

CURL_WORDS = (
    "-q",
    "--silent",
    "--path-as-is",
    "--noproxy",
    "*",
    "--http1.1",
    "--output",
    "/dev/null",
)
PARALLEL_WORDS = ("--no-progress-meter", "--parallel", "--parallel-immediate")


@dataclass(frozen=True, slots=True)
class Way:
    """How a load is made. `serial`: each process asks on one connection. Limits as measured on
    two busy cores (`tests/bench/bench_load.py`)."""

    name: str
    most_rate: float = MOST_RATE
    most_connections: int = MOST_CONNECTIONS
    serial: bool = False
    note: str = ""

    def check(self, plan: LoadPlan, method: str) -> None:
        """Raises Usage where it cannot do what the plan asks."""
        if plan.rate > self.most_rate:
            raise Usage(
                f"{plan.rate:g} requests/s by {self.name}", f"at most {self.most_rate:g} that way"
            )
        if plan.connections > self.most_connections:
            raise Usage(
                f"{plan.connections} connections by {self.name}",
                f"at most {self.most_connections} that way",
            )
        if self.name == WGET and method != "GET":
            raise Usage(f"a {method} by wget", "it sends GET only")


BY_PYTHON = Way(PYTHON)
BY_CURL = Way(CURL, note="in batches of 0.4 s")
BY_OLD_CURL = Way(CURL, 100.0, 32, serial=True, note="in batches of 0.4 s")
BY_WGET = Way(WGET, 20.0, 16, serial=True, note="it tells no times, and follows redirects")
BY_FORWARD = Way(FORWARD, 200.0, 16, note="paced here: its times have the way there in them")


def _probe() -> str:
    curl = " ".join(f"'{word}'" for word in CURL_WORDS)
    parallel = " ".join(PARALLEL_WORDS)
    ask = "--max-time 2 --write-out '%{http_code}/%{time_total}/%{exitcode},' 'http://127.0.0.1:1/#[1-2]'"
    return f"""
exec 2>/dev/null </dev/null
has() {{ command -v "$1" >/dev/null; }}
has sleep && echo sleep
has python3 && echo "python3 $(python3 -I -S -c 'print(1)')"
p=; has curl && p=$(curl {curl} {parallel} {ask})
[ "$p" ] && echo "parallel $p"
has curl && [ -z "$p" ] && echo "serial $(curl {curl} {ask})"
has wget && {{ wget -T 2 -q -Y off -O /dev/null http://127.0.0.1:1/; echo "wget $?"; }}
exit 0
"""


PROBE = ("sh", "-c", _probe())
"""Each program is tried at a port of the container's own where nobody listens."""

PYTHON_PROBE = ("python3", "-I", "-S", "-c", "print('python3 1')")
"""For a container without a shell."""

_TWICE = re.compile(r"(?:\d{3}/\d+[.,]\d+/\d*,){2}", re.ASCII)
_WGET_FAILED = range(1, 9)
"""What it ends with when it could not connect: not with a signal, nor because it is not known."""


def ways_there(printed: str) -> Iterator[Way]:
    """What can make a load in a container, the best first, of what the question printed."""
    found = dict(line.partition(" ")[::2] for line in printed.splitlines()[:50])
    if found.get("python3", "").strip() == "1":
        yield BY_PYTHON
    if "sleep" not in found:
        return
    if _TWICE.fullmatch(found.get("parallel", "").strip()):
        yield BY_CURL
    elif _TWICE.fullmatch(found.get("serial", "").strip()):
        yield BY_OLD_CURL
    code = found.get("wget", "").strip()
    if code.isascii() and code.isdigit() and int(code[:4]) in _WGET_FAILED:
        yield BY_WGET

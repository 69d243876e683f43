"""A load by curl or wget: a small shell program in the container, and what it prints. Pure.

The shell starts a batch for each line on its standard input, and ends what runs when that input
does. So nothing more is sent once the line is down, whatever becomes of the shell.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from meshtui.dataclass import dataclass
from meshtui.operations.request.load_plan import LoadPlan, Tally, bucket_of
from meshtui.operations.request.load_ways import CURL, CURL_WORDS, PARALLEL_WORDS, Way
from meshtui.operations.request.tools import Outgoing

SLOTS = 32
"""Batches at a time."""

MOST_IN_BATCH = 200
"""So that what curl prints of a batch is written at once, and no other's comes between."""

STOP = b"q\n"
_GRACE_S = 15.0

_SHELL = """
limit=$1 kind=$2 url=$3; shift 3
over() {
  trap '' TERM
  i=0; while [ $i -lt SLOTS ]; do
    eval "p=\\${P$i-}"; [ -n "$p" ] && kill "$p" && wait "$p"
    i=$((i+1))
  done
  kill "$W"; wait "$W"; exit 0
}
( trap 'kill $!; exit 0' TERM; i=0
  while kill -0 $$; do
    [ $i -eq "$limit" ] && kill $$
    [ $i -gt "$limit" ] && kill -9 $$
    sleep 2 & wait $!; i=$((i+2))
  done
) </dev/null >/dev/null 2>&1 &
W=$!
trap over TERM HUP INT
answer() {
  trap 'kill "$w"; exit 1' TERM
  h=000 r=1; read -r w
  while read -r a b c; do
    case $a$h in HTTP/1.?000) h=$b ;; esac
    case $c in *refused*) r=4 ;; *imed\\ out*) r=28 ;; esac
  done
  echo "$s $h - $r"
}
while read -r s n c; do
  [ "$s" = q ] && break
  eval "p=\\${P$s-}"; [ -n "$p" ] && wait "$p"
  case $kind in
    parallel) curl "$@" --parallel-max "$c" --write-out "$s WRITTEN" "$url[1-$n]" </dev/null & ;;
    serial) curl "$@" --write-out "$s WRITTEN" "$url[1-$n]" </dev/null & ;;
    wget) sh -c 'echo $$; exec wget "$@"' - "$@" "$url" 2>&1 </dev/null | answer & ;;
  esac
  eval "P$s=\\$!"
done
over
""".replace("SLOTS", str(SLOTS)).replace("WRITTEN", "%{http_code} %{time_total} %{exitcode}\\n")


def command(way: Way, plan: LoadPlan, outgoing: Outgoing) -> tuple[str, ...]:
    """Ends by itself when it has run for longer than the load may."""
    limit = f"{2 * math.ceil((plan.seconds + outgoing.timeout_s + _GRACE_S) / 2)}"
    if way.name == CURL:
        kind = "serial" if way.serial else "parallel"
        url = f"http://{outgoing.host}:{outgoing.port}{_no_glob(outgoing.target)}#"
        words = _curl(way, outgoing)
    else:
        kind, url, words = "wget", outgoing.url, _wget(outgoing)
    return ("sh", "-c", f"exec 2>/dev/null\n{_SHELL}", "meshtui", limit, kind, url, *words)


def _no_glob(target: str) -> str:
    """curl takes brackets and braces for ranges."""
    return re.sub(r"[\[\]{}]", lambda found: f"\\{found[0]}", target)


def _curl(way: Way, outgoing: Outgoing) -> tuple[str, ...]:
    head = ("--head",) if outgoing.method == "HEAD" else ("--request", outgoing.method)
    headers = (
        part
        for name, value in outgoing.sent
        for part in ("--header", f"{name}: {value}" if value else f"{name};")
    )
    parallel = () if way.serial else PARALLEL_WORDS
    return (*CURL_WORDS, *parallel, "--max-time", f"{outgoing.timeout_s:g}", *head, *headers)


def _wget(outgoing: Outgoing) -> tuple[str, ...]:
    headers = (part for name, value in outgoing.sent for part in ("--header", f"{name}: {value}"))
    timeout = f"{max(round(outgoing.timeout_s), 1)}"
    return ("-S", "-T", timeout, "-Y", "off", "-t", "1", "-O", "/dev/null", *headers)


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one request of the batch in a slot: a status, or `trouble` in its place."""

    slot: int
    status: int
    seconds: float | None
    trouble: str = ""


_LINE = re.compile(rb"(\d{1,2}) (\d{3}) (-|\d{1,5}[.,]\d{1,9}) (\d{0,3})", re.ASCII)
_CURL = {
    "": "no answer",
    "6": "the host's name is not known",
    "7": "connection refused",
    "18": "the answer broke off",
    "28": "timed out",
    "52": "closed at once",
    "56": "the connection was closed",
}
_WGET = {"4": "connection refused", "28": "timed out"}


def read_line(line: bytes, way: Way) -> Came | None:
    """One line of the shell; None where it is something else. Never raises."""
    found = _LINE.fullmatch(line.strip())
    if found is None or int(found[1]) >= SLOTS:
        return None
    status, code = int(found[2]), found[4].decode()
    timed = found[3].replace(b",", b".")
    seconds = None if timed == b"-" else float(timed)
    trouble = ""
    if way.name != CURL:
        trouble = "" if status >= 100 else _WGET.get(code, "no answer")
    elif status < 100 or code not in ("", "0"):
        trouble = _CURL.get(code, f"curl ends with {code}")
    return Came(int(found[1]), status, seconds, trouble)


def tally_of(came: list[Came], late: int, seconds: float, *, done: bool = False) -> Tally:
    """In one second."""
    answered = [one for one in came if not one.trouble]
    timed = [one.seconds for one in answered if one.seconds is not None]
    return Tally(
        Counter(one.status for one in answered),
        Counter(one.trouble for one in came if one.trouble),
        Counter(bucket_of(seconds * 1000.0) for seconds in timed),
        late,
        seconds,
        done,
    )

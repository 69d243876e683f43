"""What is measured without a mesh that is served, each by its own bench, and what is wanted of it.

`python -m tests.bench.bench_parts [--only WORD] [--json]`: each in a process of its own, by its
`--json`, and no longer than its limit. `bench_table` runs them after the meshes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Part:
    """`goals`: what a figure may be at most, by its name."""

    name: str
    words: tuple[str, ...]
    limit_s: float
    goals: Mapping[str, float] = field(default_factory=dict)


PARTS = (
    Part("first paint", ("bench_start", "--rounds", "9"), 60, {"ratio": 1.2}),
    Part(
        "a tick of 3,000 rows",
        ("bench_paint", "--ticks", "5"),
        120,
        {"ratio": 0.1, "six rows, bytes": 2048, "six rows by a full repaint": 0.1},
    ),
    Part(
        "3,000 x 25 series of a Prometheus",
        ("bench_prometheus",),
        90,
        {"taken in, ms": 150},
    ),
    Part(
        "50,000 log lines a second",
        ("bench_logs", "50000"),
        90,
        {"lines not accounted for": 0, "late, most, ms": 30},
    ),
    Part("90,000 lines of nine proxies", ("bench_stern",), 300),
    Part("1,000 x 3 routes of a proxy", ("bench_routes",), 90, {"ratio": 1.5}),
    Part("completion at 1,000 services", ("bench_complete",), 120, {"meshtui, ms": 300}),
    Part("a change", ("bench_change",), 90, {"ratio": 0.2}),
    Part(
        "a change over 200 ms with 5 % lost",
        ("bench_change", "--line", "200,5"),
        120,
        {"round trips": 3},
    ),
    Part(
        "24 hours",
        ("bench_day", "--hours", "24", "--tick", "120"),
        300,
        {"MiB, ratio to the first hour": 1.05},
    ),
)

Row = dict[str, float]


def run(part: Part) -> Row:
    """Its figures; none where it fails or takes too long, which is said."""
    bench, *more = part.words
    words = [sys.executable, "-m", f"tests.bench.{bench}", *more, "--json"]
    try:
        done = subprocess.run(
            words, cwd=HERE, capture_output=True, text=True, timeout=part.limit_s, check=True
        )
    except subprocess.TimeoutExpired:
        print(f"{part.name}: not done in {part.limit_s:.0f} s", file=sys.stderr)
        return {}
    except subprocess.CalledProcessError as error:
        print(f"{part.name}: {error.stderr.strip()[-500:]}", file=sys.stderr)
        return {}
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(only: str = "") -> Iterator[tuple[Part, Row]]:
    for part in PARTS:
        if only in part.name or only in part.words[0]:
            yield part, run(part)


def shown(part: Part, found: Row) -> str:
    return "\n".join(
        f"  {f'{part.name}: {what}':<62} {value:10.2f}  {_verdict(part.goals.get(what), value)}"
        for what, value in found.items()
    )


def _verdict(goal: float | None, value: float) -> str:
    if goal is None:
        return ""
    return f"at most {goal:g}: {'met' if value <= goal else 'NOT MET'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="parts with this word")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    document: dict[str, Row] = {}
    for part, found in rows(given.only):
        document[part.name] = found
        if found and not given.json:
            print(shown(part, found), flush=True)
    if given.json:
        print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()

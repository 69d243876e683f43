"""How long statistics take to read. Prints figures: `python tests/bench/bench_exposition.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

from meshtui.metrics.counter_reading import SeriesCache, growth, read
from meshtui.metrics.exposition import points
from meshtui.metrics.traffic import BUCKETS, REQUESTS

SIZE = 20 * 1024 * 1024
BOUNDS = ("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "5000", "10000", "+Inf")


def series(number: int) -> str:
    """The labels Istio puts on one destination; about 900 characters."""
    sides = ",".join(
        f'{side}_{what}="{what}-{number if side == "destination" else 1}"'
        for side in ("source", "destination")
        for what in (
            "workload",
            "workload_namespace",
            "app",
            "version",
            "canonical_service",
            "canonical_revision",
            "cluster",
            "principal",
        )
    )
    return (
        f'reporter="source",{sides},destination_service="s{number}.default.svc.cluster.local",'
        f'destination_service_name="s{number}",destination_service_namespace="default",'
        'request_protocol="http",response_code="200",grpc_response_status="",response_flags="-",'
        'connection_security_policy="unknown"'
    )


def wanted(size: int) -> str:
    parts: list[str] = []
    length = number = 0
    while length < size:
        labels = series(number)
        block = f"{REQUESTS}{{{labels}}} {number}\n" + "".join(
            f'{BUCKETS}{{{labels},le="{bound}"}} {number}\n' for bound in BOUNDS
        )
        parts.append(block)
        length += len(block)
        number += 1
    return "".join(parts)


def unwanted(size: int) -> str:
    line = 'envoy_cluster_upstream_rq{cluster_name="outbound|9080||reviews",code="200"} 7\n'
    return line * (size // len(line))


def best_ms(work: Callable[[], object], times: int = 5) -> float:
    """The shortest of a few runs: the machine's noise only ever adds."""
    shortest = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest * 1000


def main() -> None:
    all_wanted, none_wanted = wanted(SIZE), unwanted(SIZE)
    names = (REQUESTS, BUCKETS)
    known = SeriesCache()
    reading = read(all_wanted, known)
    for name, work in {
        "none wanted": lambda: list(points(none_wanted, names)),
        "all wanted": lambda: list(points(all_wanted, names)),
        "as counters, first time": lambda: read(all_wanted, SeriesCache()),
        "as counters, later": lambda: read(all_wanted, known),
        "growth between readings": lambda: growth(reading, reading),
        "for comparison: splitlines": all_wanted.splitlines,
    }.items():
        print(f"{SIZE >> 20} MB, {name:<28} {best_ms(work):8.1f} ms")


if __name__ == "__main__":
    main()

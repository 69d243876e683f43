"""How often the canary's verdict is right, beside two common ones. Prints figures.

`python tests/bench/bench_canary_verdict.py [RUNS [KIND …]]`: fixed seeds; each cell is RUNS (2,000)
steps of 25 intervals of 12 s, in which both versions get the given requests per second. Errors are
independent, or come in bursts that hit one version alone (10 on average), or both alike.

Beside it, looked at after every interval as they are: a fixed threshold (more than 1 % of at least
100 requests so far), and Kayenta's comparison (a one-sided Mann-Whitney test at 0.02 of the error
rates of the intervals so far, from the fifth, and at least 5 % worse on average).
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable
from math import erf, exp, log, sqrt
from random import Random
from statistics import median

from meshtui.canary.tally import Counts, Interval, Limits, Tally
from meshtui.canary.verdict import Outcome, judge

CHECKS = 25
INTERVAL_S = 12.0
RATES = ((0.005, 0.005), (0.02, 0.02), (0.0005, 0.005), (0.005, 0.02))
RPS = (5.0, 50.0)
BURST = 10

Block = tuple[float, float, float, float]
"""Requests and errors of the canary, requests and errors of the stable version."""
Judge = Callable[[list[Block]], int | None]
"""The number of the check at which it rolls back, None where it does not."""


def poisson(random: Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(random.gauss(mean, sqrt(mean))))
    product, count, floor = random.random(), 0, exp(-mean)
    while product > floor:
        product *= random.random()
        count += 1
    return count


def independent(random: Random, n: float, rates: tuple[float, float]) -> tuple[float, float]:
    x_s, x_c = (poisson(random, n * rate) for rate in rates)
    return x_c, x_s


def bursts(random: Random, n: float, rates: tuple[float, float]) -> tuple[float, float]:
    """Each burst hits one version, and is of 1 + Poisson(9) requests."""
    x_s, x_c = (
        sum(1 + poisson(random, BURST - 1) for _ in range(poisson(random, n * rate / BURST)))
        for rate in rates
    )
    return x_c, x_s


def geometric(random: Random, n: float, rates: tuple[float, float]) -> tuple[float, float]:
    """The same with a long tail."""
    scale = log(1 - 1 / BURST)
    x_s, x_c = (
        sum(
            1 + int(log(1 - random.random()) / scale) for _ in range(poisson(random, n * r / BURST))
        )
        for r in rates
    )
    return x_c, x_s


def shared(random: Random, n: float, rates: tuple[float, float]) -> tuple[float, float]:
    """One interval in five has five times the errors, on both."""
    factor = 5.0 if random.random() < 0.2 else 0.0
    return independent(random, n, (rates[0] * factor, rates[1] * factor))


ERRORS = {"independent": independent, "bursts": bursts, "long bursts": geometric, "shared": shared}


def run(random: Random, rps: float, rates: tuple[float, float], kind: str) -> list[Block]:
    blocks: list[Block] = []
    for _ in range(CHECKS):
        n_c, n_s = (float(poisson(random, rps * INTERVAL_S)) for _ in range(2))
        x_c, x_s = ERRORS[kind](random, rps * INTERVAL_S, rates)
        blocks.append((n_c, min(x_c, n_c), n_s, min(x_s, n_s)))
    return blocks


def ours(blocks: list[Block]) -> int | None:
    tally = Tally.begin(Limits())
    for i, (n_c, x_c, n_s, x_s) in enumerate(blocks):
        new = Interval(i * INTERVAL_S, (i + 1) * INTERVAL_S, Counts(n_c, x_c), Counts(n_s, x_s))
        tally = tally.add(new)
        if judge(tally, i == CHECKS - 1).outcome is Outcome.FAIL:
            return i + 1
    return None


def threshold(blocks: list[Block]) -> int | None:
    n = x = 0.0
    for i, (n_c, x_c, _, _) in enumerate(blocks):
        n, x = n + n_c, x + x_c
        if n >= 100 and x / n > 0.01:
            return i + 1
    return None


def mann_whitney(blocks: list[Block]) -> int | None:
    canary: list[float] = []
    stable: list[float] = []
    for i, (n_c, x_c, n_s, x_s) in enumerate(blocks):
        canary.append(x_c / max(n_c, 1))
        stable.append(x_s / max(n_s, 1))
        worse = sum(canary) > 1.05 * sum(stable)
        if i >= 4 and worse and greater(canary, stable) < 0.02:
            return i + 1
    return None


def greater(first: list[float], second: list[float]) -> float:
    """The one-sided p-value by the normal approximation, corrected for ties."""
    m, n = len(first), len(second)
    ranked = sorted(second)
    u = sum((bisect_left(ranked, a) + bisect_right(ranked, a)) / 2 for a in first)
    ties = sum(count**3 - count for count in Counter(first + second).values())
    variance = m * n / 12 * ((m + n + 1) - ties / ((m + n) * (m + n - 1)))
    if variance <= 0:
        return 1.0
    z = (u - m * n / 2 - 0.5) / sqrt(variance)
    return 0.5 * (1 - erf(z / sqrt(2)))


JUDGES: dict[str, Judge] = {
    "verdict": ours,
    "1 % threshold": threshold,
    "Mann-Whitney": mann_whitney,
}


def cell(runs: int, rps: float, rates: tuple[float, float], kind: str) -> str:
    random = Random(f"{rps} {rates} {kind}")
    checks: dict[str, list[int]] = {name: [] for name in JUDGES}
    for _ in range(runs):
        blocks = run(random, rps, rates, kind)
        for name, judged in JUDGES.items():
            at = judged(blocks)
            if at is not None:
                checks[name].append(at)
    return "  ".join(
        f"{100 * len(at) / runs:6.2f} % {median(at) if at else '-':>5}" for at in checks.values()
    )


def main(runs: int, kinds: list[str]) -> None:
    print(f"{runs} runs a cell; share rolled back, and the median check of those")
    print(
        f"{'errors':12} {'stable→canary':>15} {'rps':>4}  " + "  ".join(f"{n:>14}" for n in JUDGES)
    )
    for kind in kinds or ERRORS:
        for rates in RATES:
            for rps in RPS:
                name = f"{100 * rates[0]:g}→{100 * rates[1]:g} %"
                print(
                    f"{kind:12} {name:>15} {rps:4.0f}  {cell(runs, rps, rates, kind)}", flush=True
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, sys.argv[2:])

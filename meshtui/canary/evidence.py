"""Evidence that may be looked at after every interval without inflating false alarms.

Given `n_c` and `n_s` requests and `x` errors in all, the canary's errors are binomial with
p = n_c·r / (n_c·r + n_s) when its error rate is `r` times the baseline's. The product of likelihood
ratios against r = 1 is an e-process, so is the mean over several `r`: under "no worse" it reaches
1/α with probability at most α, however often it is looked at (Ville's inequality; Lindon & Malek
2022, arXiv 2011.03567; Turner & Grünwald, arXiv 2302.11401). Conditioning on `x` also cancels
whatever hits both versions at once.

Three additions, none of which can raise the false alarm rate:

- Stakes. A product that began while the canary was well needs long to recover once it fails.
  A part 1/(t·(t+1)) of the stake is therefore laid on the hypothesis "it got worse at interval
  t"; the parts sum to 1, so the sum is an e-process too.
- Cap. One interval multiplies the plain evidence by at most (1/α)^(1/3), however many errors it
  had: min(ratio, c) still has a mean of at most 1. A single burst can never decide.
- Dispersion. Errors that come in bursts of ten are a tenth as informative: the uncapped evidence
  is raised to 1/dispersion, estimated from differences of successive intervals (a burst is two
  large differences, a lasting change only one). What is compared is the canary's part of the
  errors, so that a bad interval of both versions is no burst; until both had errors in a few
  intervals, each version's own rate. The decision uses the smaller of the plain and the reduced
  evidence, so the bound of the plain one stands.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, log1p, sqrt

from meshtui.dataclass import dataclass
from meshtui.mesh.interval import interval

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)
"""By how much worse the canary may be: the alternatives that the evidence is a mean of."""

LIMIT = 100.0
"""1/α: evidence that suffices for a rollback."""

_FEW_BLOCKS = 3
_DOUBT = 8.0
"""Standard errors added to a dispersion that was found, lest bursts decide by an underestimate."""
_CEILING = 690.0
"""Logarithms beyond this are cut off, far above every limit and below what a float holds."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How much more the errors of successive blocks differ than independent errors would.

    `n` and `x` are the totals, `last` the preceding block's (requests, errors), `squares` the sum
    over pairs of successive blocks of their weighted squared differences, `pairs` their number;
    `failing` counts the blocks with errors.
    """

    n: float = 0.0
    x: float = 0.0
    last: tuple[float, float] | None = None
    squares: float = 0.0
    pairs: int = 0
    failing: int = 0

    def add(self, n: float, x: float) -> Dispersion:
        """The same with one more block; a block without requests says nothing."""
        if n <= 0:
            return self
        squares, pairs = self.squares, self.pairs
        if self.last is not None:
            before_n, before_x = self.last
            difference = x / n - before_x / before_n
            squares += difference * difference * n * before_n / (n + before_n)
            pairs += 1
        return Dispersion(self.n + n, self.x + x, (n, x), squares, pairs, self.failing + (x > 0))

    @property
    def value(self) -> float:
        """1.0 for independent errors or where nothing is known, about a burst's size for bursts.

        One standard error (of independent errors) is taken off, lest noise reads as bursts.
        """
        if self.pairs < _FEW_BLOCKS or not 0 < self.x < self.n:
            return 1.0
        rate = self.x / self.n
        each = self.x * (1 - rate) / (self.pairs + 1)
        noise = sqrt((2 + 1 / each) / self.pairs)
        excess = self.squares / (self.pairs * rate * (1 - rate)) - 1 - noise
        return 1 + max(0.0, excess) * (1 + _DOUBT * sqrt(2 / self.pairs))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence that the canary is worse. `logs` are the logarithms of the e-processes, one per
    ratio, `uncapped` the same without the cap.

    All of it is numbers, so that a journal can keep it and a resumed run go on with it.
    """

    limit: float = LIMIT
    logs: tuple[float, ...] = (0.0,) * len(RATIOS)
    uncapped: tuple[float, ...] = (0.0,) * len(RATIOS)
    blocks: int = 0
    part: Dispersion = Dispersion()
    canary: Dispersion = Dispersion()
    stable: Dispersion = Dispersion()

    def compare(self, n_c: float, x_c: float, n_s: float, x_s: float) -> Evidence:
        """One interval in which both versions had requests; without, nothing can be compared."""
        if n_c <= 0 or n_s <= 0:
            return self
        evidence = replace(
            self,
            canary=self.canary.add(n_c, x_c),
            stable=self.stable.add(n_s, x_s),
            part=self.part.add(x_c + x_s, x_c),
        )
        return evidence._multiplied(
            tuple(x_c * log(r) - (x_c + x_s) * log((n_c * r + n_s) / (n_c + n_s)) for r in RATIOS)
        )

    def against(self, n: float, x: float, rate: float) -> Evidence:
        """One interval of the canary's, judged against a fixed `rate` of errors."""
        if n <= 0 or not 0 < rate < 1:
            return self
        worse = [min(r * rate, (1 + rate) / 2) for r in RATIOS]
        return replace(self, canary=self.canary.add(n, x))._multiplied(
            tuple(x * log(w / rate) + (n - x) * (log1p(-w) - log1p(-rate)) for w in worse)
        )

    def _multiplied(self, ratios: tuple[float, ...]) -> Evidence:
        cap = log(self.limit) / 3
        both = [
            (_grown(capped, min(ratio, cap), self.blocks), _grown(uncapped, ratio, self.blocks))
            for capped, uncapped, ratio in zip(self.logs, self.uncapped, ratios, strict=True)
        ]
        logs, uncapped_logs = zip(*both, strict=True)
        return replace(self, logs=logs, uncapped=uncapped_logs, blocks=self.blocks + 1)

    @property
    def plain(self) -> float:
        """The mean of the e-processes: at least `limit` with probability α under "no worse"."""
        return sum(exp(value) for value in self.logs) / len(self.logs)

    @property
    def dispersion(self) -> float:
        """About how many errors come at once."""
        if min(self.canary.failing, self.stable.failing) >= _FEW_BLOCKS <= self.part.pairs:
            return self.part.value
        return max(self.canary.value, self.stable.value)

    @property
    def value(self) -> float:
        """The evidence to decide on: never more than `plain`, less where errors come in bursts."""
        by = self.dispersion
        return min(self.plain, sum(exp(value / by) for value in self.uncapped) / len(RATIOS))

    @property
    def enough(self) -> bool:
        return self.value >= self.limit


def _grown(old: float, ratio: float, blocks: int) -> float:
    """The logarithm of an e-process after block `blocks` + 1, whose likelihood ratio has the
    logarithm `ratio`. Of the stakes, 1/(blocks + 1) still waited and 1/(blocks + 2) still does.
    """
    waiting, waits = 1 / (blocks + 1), 1 / (blocks + 2)
    running = max(exp(min(old, _CEILING)) - waiting, 0.0) + waiting - waits
    laid, retained = min(log(running) + ratio, _CEILING), log(waits)
    return max(laid, retained) + log1p(exp(-abs(laid - retained)))


def upper_bound(n: float, x: float, z: float = 2.58) -> float:
    """The upper end of a ratio's interval; `z` 2.58 is exceeded in about 1 of 200 samples."""
    return interval(x, n, z)[1]

"""The measured share of each version against what was asked of it, with its uncertainty."""

from __future__ import annotations

from math import sqrt

from meshtui.dataclass import dataclass
from meshtui.mesh.interval import Z95, interval
from meshtui.mesh.view import ServiceView


@dataclass(frozen=True, slots=True)
class Share:
    """Percentages, 0 to 100; `margin` is half of a 95 % interval, `requests` what it rests on."""

    label: str
    asked: float
    measured: float
    margin: float
    requests: int

    @property
    def plausible(self) -> bool:
        """False where chance alone would hardly give such a share: more than three sigmas off.

        Nor where the margin that is shown reaches what was asked: of few requests it is wider.
        """
        sigma = sqrt(self.asked * (100 - self.asked) / self.requests)
        by_chance = max(3 * sigma, 100 / self.requests)
        return self._off <= (max(by_chance, self.margin) if sigma else by_chance)

    @property
    def settled(self) -> bool:
        """Whether what was asked is within the margin; plausible is more than that.

        Of none and of all there is no chance, so that one odd request is all that is let pass.
        """
        return self.plausible and (self._off <= self.margin or self.asked in (0, 100))

    @property
    def _off(self) -> float:
        return abs(self.measured - self.asked)

    def __str__(self) -> str:
        words = f"{self.label} {self.asked:.3g} % asked"
        return f"{words}, {self._measured} of {self.requests:,} measured"

    @property
    def beside(self) -> str:
        """In a list, after one that has said which number is which and what they rest on."""
        return f"{self.label} {self.asked:.3g} %, {self._measured}"

    @property
    def _measured(self) -> str:
        return f"{self.measured:.1f} % ± {self.margin:.1f}"


def shares_of(view: ServiceView) -> tuple[Share, ...]:
    """A share for each version with a weight; none where no request was counted."""
    total = round(sum(row.reached or 0.0 for row in view.versions if row.host))
    if total <= 0:
        return ()
    return tuple(
        _share(row.label, row.percent, row.share, total)
        for row in view.versions
        if row.percent is not None and row.share is not None
    )


def _share(label: str, asked: float, share: float, total: int) -> Share:
    return Share(label, asked, 100 * share, 100 * _margin(share, total), total)


def _margin(share: float, total: int) -> float:
    """As wide to both sides; where none or all were counted, up to where it may well lie."""
    spread = share * (1 - share)
    if spread > 0:
        return Z95 * sqrt(spread / total)
    low, high = interval(share * total, total)
    return high - low

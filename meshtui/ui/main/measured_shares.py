"""After a shift: the measured share against the weight that was asked, told until it is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.shares import Share
from meshtui.operations.types import Snapshot

MOST = 3


class ShareReports:
    """Tells each service's shares when they first appear; another shift makes them new again.

    What is in doubt is told again by the requests that are counted after it.
    """

    def __init__(self, announce: Callable[[str, str], None]) -> None:
        self._announce = announce
        self._told: dict[ServiceKey, float] = {}
        """From when on requests are to be, that what was told is told anew."""

    def receive(self, snapshot: Snapshot) -> None:
        sample = snapshot.sample
        since, until = (sample.since, sample.time) if sample else (0.0, inf)
        self._told = {key: at for key, at in self._told.items() if key in snapshot.measured}
        for key, shares in snapshot.measured.items():
            if shares and since >= self._told.get(key, -inf):
                self._told[key] = until if in_doubt(shares) else inf
                self._announce(*sentence(key, shares))


def in_doubt(shares: tuple[Share, ...]) -> bool:
    """None is off by more than chance explains, but one by more than its margin."""
    return all(share.plausible for share in shares) and not all(share.settled for share in shares)


def sentence(key: ServiceKey, shares: tuple[Share, ...]) -> tuple[str, str]:
    """The words and how loud they are: a share that chance does not explain is a warning."""
    odd = tuple(share for share in shares if not share.plausible)
    if odd:
        lightest = sorted(odd, key=lambda share: share.asked)
        return f"NOT AS ASKED · {key.name}: {_listed(lightest, ', not by chance')}", "warning"
    if in_doubt(shares):
        off = min((share for share in shares if not share.settled), key=lambda share: share.asked)
        return f"{key.name}: {off}; by chance? counting on", "doubt"
    return f"{key.name}: {_listed(reporting(shares))}", "done"


def _listed(shares: Sequence[Share], judged: str = "") -> str:
    """What was counted, and how it is judged, is the same for all: it is said with the first."""
    first, *others = shares[:MOST]
    left = len(shares) - MOST
    more = (f"{left} more",) if left > 0 else ()
    return "; ".join((f"{first}{judged}", *(share.beside for share in others), *more))


def reporting(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Those that share the traffic, the lightest first: it is what was shifted, as a rule."""
    sharing = tuple(share for share in shares if share.asked > 0)
    return tuple(sorted(sharing, key=lambda share: share.asked)) or shares[:1]

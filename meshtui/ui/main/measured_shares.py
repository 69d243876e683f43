"""After a shift: the measured share against the weight that was asked, told once."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.shares import Share
from meshtui.operations.types import Snapshot

MOST = 3


class ShareReports:
    """Tells each service's shares when they first appear; another shift makes them new again."""

    def __init__(self, announce: Callable[[str, str], None]) -> None:
        self._announce = announce
        self._reported: set[ServiceKey] = set()

    def receive(self, snapshot: Snapshot) -> None:
        self._reported &= set(snapshot.measured)
        for key, shares in snapshot.measured.items():
            if shares and key not in self._reported:
                self._reported.add(key)
                self._announce(*sentence(key, shares))


def sentence(key: ServiceKey, shares: tuple[Share, ...]) -> tuple[str, str]:
    """The words and how loud they are: a share that chance does not explain is a warning."""
    odd = tuple(share for share in shares if not share.plausible)
    if odd:
        return f"NOT AS ASKED, and not by chance · {key.name}: {_listed(odd)}", "warning"
    return f"{key.name}: {_listed(reporting(shares))}", "done"


def _listed(shares: tuple[Share, ...]) -> str:
    """What was counted is the same for all: it is said with the first."""
    first, *others = shares[:MOST]
    left = len(shares) - MOST
    more = (f"{left} more",) if left > 0 else ()
    return "; ".join((str(first), *(share.beside for share in others), *more))


def reporting(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Those that share the traffic, the lightest first: it is what was shifted, as a rule."""
    sharing = tuple(share for share in shares if share.asked > 0)
    return tuple(sorted(sharing, key=lambda share: share.asked)) or shares[:1]

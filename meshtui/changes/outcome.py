"""What became of a plan: what the proxies said, and the sentence that claims no more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from meshtui.changes.change import Plan
from meshtui.dataclass import dataclass
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import number_of

NOT_MEANT = "not meant"
"""The state of a client whose requests the change does not concern."""

WITHOUT = "without it"
"""The state of a client that calls the service and for which the changed object does not count."""

GONE = "gone"
"""The state of a client whose pod ended while it was asked."""


@dataclass(frozen=True, slots=True)
class ProxyVerdict:
    """What one proxy does about a change.

    `state` is "in sync", "old", "absent", "rejected", "out of reach" or one of those above.
    `final`: asking again would tell the same, as where the right to ask is missing.
    """

    namespace: str
    pod: str
    state: str
    detail: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan. `checked` counts the proxies that answered.

    Proxies that the change does not concern, and those whose pod is gone, are named and not
    counted. `verified` is None where nothing was checked: no claim is made.
    """

    change_id: str
    plan: Plan
    applied: bool
    proxies: tuple[ProxyVerdict, ...] = ()
    seconds: float = 0.0
    verified: bool | None = None
    warnings: tuple[str, ...] = field(default=())
    spec_stored: Json = field(default_factory=dict, repr=False)
    """The object's spec as the server stored it."""

    parts: tuple[Outcome, ...] = ()
    """What became of each part, where the plan has several."""

    @property
    def checked(self) -> int:
        return sum(proxy.state != "out of reach" for proxy in self.counted)

    @property
    def counted(self) -> tuple[ProxyVerdict, ...]:
        """The proxies that should serve the change."""
        return tuple(proxy for proxy in self.proxies if proxy.state not in (NOT_MEANT, GONE))

    @property
    def in_sync(self) -> int:
        return sum(proxy.state == "in sync" for proxy in self.proxies)

    @property
    def sentence(self) -> str:
        """One line that claims no more than was seen."""
        if not self.applied and self.change_id:
            return "noted in the journal; nothing was written to the cluster"
        if not self.applied:
            return "nothing written"
        if self.verified is None and not self.proxies:
            return "written; not verified in any proxy"
        if not self.checked:
            return f"written; not verified: {_unasked(self.counted)}"
        verdict = f"{self.in_sync} of {number_of(len(self.counted), 'proxy', 'proxies')} in sync"
        return f"{verdict} in {_time(self.seconds)}" if self.verified else f"written; {verdict}"


def outcome_of(change_id: str, plan: Plan, parts: Sequence[Outcome]) -> Outcome:
    """What became of a plan of several parts: as well as the part that did worst."""
    verdicts = [part.verified for part in parts]
    return Outcome(
        change_id,
        plan,
        applied=all(part.applied for part in parts),
        proxies=_worst_of_each(parts),
        seconds=sum(part.seconds for part in parts),
        verified=False if False in verdicts else None if None in verdicts else True,
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        parts=tuple(parts),
    )


def _unasked(counted: Sequence[ProxyVerdict]) -> str:
    if not counted:
        return "it concerns none of the proxies that were asked"
    if len(counted) == 1:
        return "the one proxy that it concerns could not be asked"
    return f"none of {len(counted)} proxies could be asked"


def _worst_of_each(parts: Sequence[Outcome]) -> tuple[ProxyVerdict, ...]:
    """One verdict for each proxy: the first that is not in sync, if there is one."""
    found: dict[tuple[str, str], ProxyVerdict] = {}
    for proxy in (proxy for part in parts for proxy in part.proxies):
        known = found.setdefault((proxy.namespace, proxy.pod), proxy)
        if _BETTER.get(known.state, 3) < _BETTER.get(proxy.state, 3):
            found[proxy.namespace, proxy.pod] = proxy
    return tuple(found.values())


_BETTER = {NOT_MEANT: 0, "in sync": 1, GONE: 2}
"""The states that give way to one further on in the list, and these to any other."""


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"

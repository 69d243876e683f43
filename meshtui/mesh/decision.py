"""What a trace tells: the rules that were tried, the one that takes the request, what it does."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.mesh.conditions import Answer
from meshtui.mesh.effects import Effects
from meshtui.mesh.model import Rule


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule's entry that stands above the one that takes the request, or that one itself.

    `owner` is the VirtualService (namespace, name), None for what Istio makes by itself. `holds`
    is None where it can't be decided here; `why` says why it did not take the request.
    """

    owner: tuple[str, str] | None
    title: str
    holds: bool | None = True
    why: str = ""
    match: str = ""

    def __str__(self) -> str:
        return f"{'/'.join(self.owner)} {self.title}" if self.owner else self.title


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rule takes a request.

    `host` is the virtual host that it belongs to; `taken` is None where the proxy has no route for
    it and answers `status`. `rule` is the rule behind `taken`, where one is.
    """

    host: str = ""
    above: tuple[Tried, ...] = ()
    taken: Tried | None = None
    effects: Effects = Effects()
    rule: Rule | None = None
    notes: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """False where a rule above may take the request."""
        return all(tried.holds is not None for tried in self.above)


def decide(
    candidates: list[tuple[Tried, Answer]],
) -> tuple[tuple[Tried, ...], Tried | None, int]:
    """The entries above, the first that takes the request, and its place (-1: none does)."""
    above = []
    for place, (tried, answer) in enumerate(candidates):
        if answer.holds:
            return tuple(above), tried, place
        above.append(
            Tried(tried.owner, tried.title, answer.holds, answer.why, tried.match)
        )
    return tuple(above), None, -1

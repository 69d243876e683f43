"""What a trace tells: the rules that were tried, the one that takes the request, what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.effects import Effects
from meshtui.mesh.model import Rule
from meshtui.mesh.resolution import Route


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule's entry that stands above the one that takes the request, or that one itself.

    `owner` is the VirtualService (namespace, name), None for what Istio makes by itself; of a route
    of the Gateway API it is one that nobody has written, and the title names the route. `holds` is
    None where it can't be decided here; `why` says why it did not take the request.
    """

    owner: tuple[str, str] | None
    title: str
    holds: bool | None = True
    why: str = ""
    match: str = ""

    def __str__(self) -> str:
        written = self.owner is not None and "~" not in self.owner[1]
        return f"{'/'.join(self.owner)} {self.title}" if self.owner and written else self.title


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rule takes a request.

    `host` is the virtual host that it belongs to, empty where there is none. `taken` is None where
    there is no route for it: the proxy then answers 404, and `notes` say more. `rule` is the rule
    behind `taken`, where a VirtualService has one, with what its delegate inherits; `route` is
    what istiod makes of it. `unknown` is what was not read and may change the answer.

    `table` is the RouteConfiguration that the proxy asks, empty where it asks none: then it passes
    the connection on as it is, from the listener of `port`.
    """

    host: str = ""
    above: tuple[Tried, ...] = ()
    taken: Tried | None = None
    effects: Effects = field(default_factory=Effects)
    rule: Rule | None = None
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    table: str = ""
    port: int = 0
    route: Route | None = field(default=None, compare=False)

    @property
    def sure(self) -> bool:
        """False where a rule above may take the request, or what was not read may change it."""
        return not self.unknown and all(tried.holds is not None for tried in self.above)


def split(tried: Sequence[Tried]) -> tuple[tuple[Tried, ...], int | None]:
    """The entries above the first that takes the request, and that one's place."""
    place = next((place for place, entry in enumerate(tried) if entry.holds), None)
    return tuple(tried[:place]), place

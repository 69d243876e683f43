"""From views to the lines of the table: their order, filter and folds, and how wide names are.

Of a large mesh that takes longer than a key may wait: it is worked out ahead, beside the loop.
"""

from __future__ import annotations

from typing import NamedTuple

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.sides import CALLER, seen_from
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.filters import Filter
from meshtui.ui.table.order import CalmOrder, Sort, same_objects
from meshtui.ui.table.outline import Outline, foldable, outline
from meshtui.ui.table.rows import wanted_name_width


class Wanted(NamedTuple):
    """What a person chose. `folded` and `opened` are services; `side` is whose numbers."""

    sort: Sort = Sort()
    filter: Filter = Filter()
    side: str = CALLER
    folded: frozenset[ServiceKey] = frozenset()
    opened: frozenset[ServiceKey] = frozenset()


class Laid(NamedTuple):
    """The lines, and the cells of their longest name."""

    entries: Outline = Outline()
    name_width: int = 0


class _Ahead(NamedTuple):
    """Lines with all that they hang on."""

    ordered: tuple[ServiceView, ...] = ()
    wanted: Wanted = Wanted()
    namespaces: bool = False
    laid: Laid = Laid()


class Layout:
    """Lays lines out. What is worked out ahead changes nothing but when it is worked out."""

    def __init__(self) -> None:
        self._order = CalmOrder()
        self._seen: tuple[tuple[ServiceView, ...], str, tuple[ServiceView, ...]] = ((), CALLER, ())
        self._ahead = _Ahead()

    @property
    def settled(self) -> bool:
        """Whether the same numbers once more would leave all lines where they are."""
        return self._order.settled

    def begin_again(self) -> None:
        """Nothing holds the rows where they are: they are sorted by other numbers."""
        self._order = CalmOrder()

    def prepare(self, views: tuple[ServiceView, ...], wanted: Wanted, sampled: float) -> None:
        """Work out what `lay` will be asked for; in any thread."""
        wanted = wanted._replace(opened=wanted.opened | several(views))
        ordered = self._order.prepare(self._from(views, wanted.side), wanted.sort, sampled)
        among = namespaced(views)
        self._ahead = _Ahead(ordered, wanted, among, _laid(ordered, wanted, among))

    def lay(
        self, views: tuple[ServiceView, ...], wanted: Wanted, sampled: float, *, namespaces: bool
    ) -> Laid:
        """The lines of these views; `sampled` tells samples apart, `namespaces` names them."""
        ordered = self._order.arrange(self._from(views, wanted.side), wanted.sort, sampled)
        ahead = self._ahead
        same = ahead.wanted == wanted and ahead.namespaces == namespaces
        if same and same_objects(ahead.ordered, ordered):
            return ahead.laid
        return _laid(ordered, wanted, namespaces)

    def _from(self, views: tuple[ServiceView, ...], side: str) -> tuple[ServiceView, ...]:
        """The views from one side: the very same ones as long as these are the same."""
        if side == CALLER:
            return views
        known, known_side, seen = self._seen
        if known is not views or known_side != side:
            seen = tuple(seen_from(view, side) for view in views)
            self._seen = views, side, seen
        return seen


def _laid(ordered: tuple[ServiceView, ...], wanted: Wanted, namespaces: bool) -> Laid:
    takes = wanted.filter.takes
    listed = filter(takes, ordered) if wanted.filter else ordered
    entries = outline(listed, wanted.folded, wanted.opened)
    return Laid(entries, wanted_name_width(entries, namespaces))


def several(views: tuple[ServiceView, ...]) -> frozenset[ServiceKey]:
    """Those with more than one version. Once seen with them they stay unfolded: rows don't flap."""
    return frozenset(view.key for view in views if not foldable(view))


def namespaced(views: tuple[ServiceView, ...]) -> bool:
    """Whether a name alone does not say which service it is."""
    return len({view.key.namespace for view in views}) > 1

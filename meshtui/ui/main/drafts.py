"""The drafts of the screen: one for each service, kept by identity until planned or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.draft import Draft, begin, next_step, set_weight, step
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.numbers import percent


class Drafts:
    """Turns keys into drafts. `shown` is called with all drafts after each change."""

    def __init__(self, shown: Callable[[Mapping[ServiceKey, Draft]], None]) -> None:
        self.drafts: dict[ServiceKey, Draft] = {}
        self._shown = shown
        self._typed = ""
        self._typed_at: LineId | None = None
        self._before: Draft | None = None

    def step(self, view: ServiceView, version: VersionView, by: float) -> str:
        """Move the weight of a version; returns the draft in words."""
        self._typed = ""
        return self._keep(view, step(self._of(view), version.label, by))

    def next_step(self, view: ServiceView, version: VersionView, ladder: Sequence[float]) -> str:
        """The ladder's next step from where the version, drafted or not, is now."""
        self._typed = ""
        return self._keep(view, next_step(self._of(view), version.label, ladder))

    def digit(self, view: ServiceView, version: VersionView, digit: str) -> str:
        """One more digit of the version's weight.

        Raises where no weight is so large; what was drafted is then as before the number: its
        beginning alone is not what was meant.
        """
        place = LineId(view.key, version.label)
        if self._typed_at != place:
            self._typed, self._before = "", self.drafts.get(view.key)
        self._typed, self._typed_at = self._typed + digit, place
        try:
            draft = set_weight(self._of(view), version.label, float(self._typed))
        except MeshtuiError:
            self._keep(view, self._before or begin(view))
            raise
        return self._keep(view, draft)

    def backspace(self, view: ServiceView, version: VersionView | None) -> str:
        """Take a digit back; with none left the draft is dropped."""
        place = LineId(view.key, version.label) if version else None
        if self._typed_at != place or len(self._typed) < 2 or version is None:
            self.drop(view.key)
            return "draft dropped"
        self._typed = self._typed[:-1]
        return self._keep(view, set_weight(self._of(view), version.label, float(self._typed)))

    def moved(self, place: LineId | None) -> None:
        """Digits belong together only while the cursor stays."""
        if place != self._typed_at:
            self.end_number()

    def end_number(self) -> None:
        """The next digit begins another one: somebody did something else meanwhile."""
        self._typed, self._typed_at = "", None

    def drop(self, key: ServiceKey) -> bool:
        """Forget the draft of a service; False where there was none."""
        self.end_number()
        if self.drafts.pop(key, None) is None:
            return False
        self._shown(self.drafts)
        return True

    def prune(self, views: Iterable[ServiceView]) -> None:
        """Drop the drafts of services that are not among these any more."""
        there = {view.key for view in views} if self.drafts else ()
        for key in [key for key in self.drafts if key not in there]:
            self.drop(key)

    def _of(self, view: ServiceView) -> Draft:
        return self.drafts.get(view.key) or begin(view)

    def _keep(self, view: ServiceView, draft: Draft) -> str:
        if not draft.changed:
            self.drafts.pop(view.key, None)
            self._shown(self.drafts)
            return f"{view.key.name}: as it was"
        self.drafts[view.key] = draft
        self._shown(self.drafts)
        return f"{view.key.name}: {draft_words(draft)}"


def draft_words(draft: Draft) -> str:
    """`v3 10 → 15 %, v1 90 → 85 %`: what was set last first, then what follows from it."""
    return ", ".join(
        f"{label} {percent(draft.current.get(label, 0.0))} → {percent(value)} %"
        for label in dict.fromkeys((*reversed(tuple(draft.wanted)), *draft.percents))
        if abs((value := draft.percents[label]) - draft.current.get(label, 0.0)) > 1e-6
    )


def draft_of(drafts: Mapping[ServiceKey, Draft], view: ServiceView | None) -> Draft:
    """The draft of the selected service. Raises `Refused` where there is none."""
    draft = drafts.get(view.key) if view else None
    if draft is None:
        raise Refused("there is no draft", "+ and - change the weight of the selected version")
    return draft

"""Lists to pick from: themes, which are seen at once, namespaces and contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.app import App

from meshtui.ui.dialogs.choose import Choice, ChooseDialog

ALL = "all"
"""In place of a namespace: those of all."""


def choose_theme(app: App[object], done: Callable[[str], None]) -> None:
    """Each theme is seen while the cursor is on it; Esc brings back the one before."""
    before = app.theme
    names = sorted(app.available_themes, key=lambda name: (not name.startswith("meshtui"), name))
    notes = {before: "now"}

    def moved(name: str) -> None:
        app.theme = name

    def picked(name: str | None) -> None:
        app.theme = name or before
        if name:
            done(name)

    choices = [Choice(name, notes.get(name, "")) for name in names]
    app.push_screen(ChooseDialog("Theme", choices, before, moved), picked)


def choose_namespace(
    app: App[object],
    there: Callable[[], Iterable[str] | None],
    recent: Sequence[str],
    now: str,
    done: Callable[[str], None],
    open_ended: Callable[[], bool],
) -> None:
    """Those that were shown last come first; `there` gives None as long as none was read."""
    notes = dict.fromkeys(recent, "shown before") | {now or ALL: "now"}

    def offered() -> list[Choice] | None:
        found = there()
        if found is None:
            return None
        known = set(found)
        ordered = dict.fromkeys((ALL, *(name for name in recent if name in known), *sorted(known)))
        return [Choice(name, notes.get(name, "")) for name in ordered]

    app.push_screen(
        ChooseDialog("Namespace", offered, now or ALL, open_ended=open_ended), _taken(done)
    )


def choose_context(
    app: App[object],
    contexts: Sequence[str],
    recent: Sequence[str],
    now: str,
    done: Callable[[str], None],
) -> None:
    """Those that were connected to last come first."""
    ordered = dict.fromkeys((*(name for name in recent if name in contexts), *contexts))
    notes = dict.fromkeys(recent, "before") | {now: "now"}
    choices = [Choice(name, notes.get(name, "")) for name in ordered]
    app.push_screen(ChooseDialog("Context", choices, now), _taken(done))


def _taken(done: Callable[[str], None]) -> Callable[[str | None], None]:
    def picked(name: str | None) -> None:
        if name:
            done(name)

    return picked

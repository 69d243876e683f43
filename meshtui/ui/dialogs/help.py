"""The help: the keys of what has the focus, then all others, and every command; searchable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input

from meshtui.ui.actions.action import ANYWHERE, Action
from meshtui.ui.actions.registry import current, in_groups, way_to
from meshtui.ui.actions.situation import LOGS, TABLE
from meshtui.ui.dialogs.base import SCROLLING, Dialog
from meshtui.ui.main.commands import examples
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import BLANK, Line, Span, both_ends, wrapped
from meshtui.verbs.log_filter import TERMS

KEY_WIDTH = 12
COMMAND_WIDTH = 32

Entry = tuple[str, str, str]
"""A key or a command, what it does, and the name that the search finds it by, too."""


_FILTERING: tuple[str, int, list[Entry]] = (
    "Filter of the logs",
    COMMAND_WIDTH,
    [(term.words.replace("  ", " "), term.does, "") for term in TERMS.values()],
)


def help_lines(width: int, focus: str = TABLE, search: str = "") -> list[Line]:
    """The page for `width` cells; with `search` only the entries that hold all of its words."""
    lines: list[Line] = []
    for title, key_width, entries in _parts(focus):
        found = [entry for entry in entries if _holds(entry, title, search)]
        if found:
            lines += [(Span(title, "brand"),)]
            lines += [line for entry in found for line in _entry(entry, key_width, width)]
            lines.append(BLANK)
    if search:
        return lines or [(Span("nothing in the help holds that", "warning"),)]
    return [*lines, *_signs(width)]


def _parts(focus: str) -> Iterator[tuple[str, int, list[Entry]]]:
    """What has the focus first, then what works everywhere, then the other parts of the screen."""
    yield f"Keys of the {focus}", KEY_WIDTH, _entries(a for a in current() if _only_in(a, focus))
    if focus == LOGS:
        yield _FILTERING
    for group, actions in in_groups(current()):
        yield group, KEY_WIDTH, _entries(a for a in actions if a.wide)
    yield (
        "Commands, for the selected service",
        COMMAND_WIDTH,
        [(f":{example}", text, "") for example, text in examples()],
    )
    if focus != LOGS:
        yield _FILTERING
    for place in sorted(ANYWHERE - {focus}):
        own = _entries(action for action in current() if _only_in(action, place))
        yield f"Keys of the {way_to(place)}", KEY_WIDTH, own


def _only_in(action: Action, place: str) -> bool:
    return not action.wide and place in action.where


def _entries(actions: Iterable[Action]) -> list[Entry]:
    return [(action.shown, action.help, action.label) for action in actions]


def _holds(entry: Entry, title: str, search: str) -> bool:
    """The key as it is, the words in whatever case."""
    key, text, name = entry
    words = f"{title} {key} {name} {text}".lower()
    return search.strip() == key or all(word in words for word in search.lower().split())


def _entry(entry: Entry, key_width: int, width: int) -> list[Line]:
    key, text, _ = entry
    first, *rest = wrapped(text, width - key_width - 2, "text")
    indent = Span(" " * (key_width + 2))
    if cell_len(key) >= key_width:
        return [(Span(f"  {key}", "key"),), *((indent, *line) for line in (first, *rest))]
    head = Span("  " + key + " " * (key_width - cell_len(key)), "key")
    return [(head, *first), *((indent, *more) for more in rest)]


def _signs(width: int) -> list[Line]:
    words = "   ".join(f"{sign} {state}" for state, sign in SIGNS.items())
    summary = f"{words}   ? not known   – no traffic   ✖ 100% only errors"
    return [(Span("Signs", "brand"),), *wrapped(summary, width, "text", "  ")]


class HelpDialog(Dialog[None]):
    """Closed by ?, q or Esc; / searches it."""

    CSS_PATH = "help.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("question_mark,f1,q,enter", "close", show=False),
        Binding("slash", "search", show=False),
        *SCROLLING,
    ]

    def __init__(self, focus: str = TABLE) -> None:
        """`focus`: the part of the screen that the help was asked in."""
        super().__init__()
        self._focus = focus
        self._body = Listing(id="help-body")
        self._body.says_more = False
        self._typed = Input(id="help-search", placeholder="words of the help, or a key")
        self._typed.display = False
        self._foot = KeyBlock(id="help-foot")

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield self._body
            yield self._typed
            yield self._foot

    def on_mount(self) -> None:
        self._show_keys()
        self.watch(self._body, "scroll_y", self._show_keys, init=False)
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        self._body.fill(help_lines(max(self._width - 2, 30), self._focus, self._typed.value))
        self._show_keys()

    def _show_keys(self) -> None:
        typing = self._typed.has_focus
        keys = (("Enter", "read on"),) if typing else (("j k", "scroll"), ("/", "search"))
        words = tuple(_key_words((*keys, ("Esc", "all" if self._searched else "back"))))
        below = self._body.below
        more = (Span(f"↓ {below:,} more line{'s' * (below != 1)}", "draft"),) if below else ()
        self._foot.show([both_ends(words, more, max(self._width, 30))])

    @property
    def _width(self) -> int:
        return self.query_one("#help").content_size.width

    @property
    def _searched(self) -> bool:
        return self._typed.display

    def action_scroll(self, by: int) -> None:
        self._body.move(by)

    # Searching

    def action_search(self) -> None:
        self._typed.display = True
        self._typed.focus()
        self.call_after_refresh(self._show_keys)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()
        self._body.to_top()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(None)
        self._show_keys()

    async def on_key(self, event: events.Key) -> None:
        """Esc shows the whole help again, before it closes it."""
        if event.key == "escape" and self._searched:
            event.stop()
            event.prevent_default()
            self.set_focus(None)
            self._typed.display = False
            self._typed.value = ""
            self._fill()
            self._show_keys()


def _key_words(keys: Iterable[tuple[str, str]]) -> Iterator[Span]:
    for key, words in keys:
        yield Span(key, "key")
        yield Span(f" {words}   ", "muted")

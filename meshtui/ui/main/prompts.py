"""The prompt after `/` and `:`: filters apply as they are typed, commands when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshtui.errors import Usage
from meshtui.ui.actions.registry import BY_ID, key_of
from meshtui.ui.actions.situation import TABLE, Situation
from meshtui.ui.main.filters import GRAMMAR, parse_filter
from meshtui.ui.main.host import Defers, Guards, Notifies, UpdatesKeys
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.panes.base import Pane
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.widgets.prompt import Prompt
from meshtui.ui.widgets.prompt_keys import Typing
from meshtui.ui.widgets.status import Status


class Host(Notifies, Guards, Defers, UpdatesKeys, Protocol):
    """What is used of the screen."""

    def run_command(self, text: str) -> None: ...


class Prompts:
    """Opens the prompt and hands on what was typed in it."""

    def __init__(
        self,
        prompt: Prompt,
        status: Status,
        table: MeshTable,
        arrangement: Arrangement,
        host: Host,
    ) -> None:
        self._prompt = prompt
        self._status = status
        self._table = table
        self._arrangement = arrangement
        self._host = host
        self._pane: Pane | None = None
        self._before: str = ""
        self._trouble: str = ""
        self._offers: Sequence[str] = ()

    def open(self, kind: str, text: str = "") -> None:
        self._status.display = False
        self._begin(kind, text)
        self._prompt.open(kind, text)

    def _begin(self, kind: str, text: str) -> None:
        """What Tab may make of the text, worked out once for it."""
        self._trouble = ""
        self._offers = self._prompt.completions(text) if kind == ":" else ()

    def typing(self, now: Situation) -> Typing | None:
        """What the keys mean while something is typed; None where nothing is."""
        if not self._prompt.display:
            return None
        grammar = self._pane.search_grammar if self._pane else GRAMMAR
        may = not BY_ID["rollback"].forbidden(now)
        return Typing(self._prompt.kind, self._offers, self._trouble, grammar, may)

    def search(self) -> None:
        """`/`: of the pane with the focus where it can be searched, else of the table."""
        pane = self._arrangement.focused_pane
        text = pane.search_text if pane else None
        self._pane = pane if text is not None else None
        if pane is not None and text is None:
            self._arrangement.give_focus(TABLE)
        self._before = self._table.filter.source if text is None else text
        self.open("/", self._before)

    def typed(self, kind: str, text: str) -> None:
        """A filter is seen at once; one that is not finished yet changes nothing, and says so."""
        self._begin(kind, text)
        if kind == "/":
            try:
                self._search(text)
            except Usage as error:
                self._trouble = error.what.removeprefix(f"/{text.strip().lstrip('!').strip()} ")
        self._host.update_keys()

    def done(self, kind: str, text: str) -> None:
        self._close()
        if kind == "/" and self._pane is not None:
            self._host.guarded(lambda: self._searched(text))
        elif kind == "/":
            self._host.guarded(lambda: self.filter(text))
        else:
            self._host.guarded(lambda: self._host.run_command(text))
        self._host.update_keys()

    def dropped(self, kind: str) -> None:
        self._close()
        if kind == "/":
            self._search(self._before)
        self._host.update_keys()

    def _search(self, text: str) -> None:
        if self._pane is not None:
            self._pane.search(text)
        else:
            self._table.set_filter(parse_filter(text))

    def _searched(self, text: str) -> None:
        """What was seen while typing goes, too, where the whole is wrong."""
        try:
            self._search(text)
        except Usage:
            self._search(self._before)
            raise

    def _close(self) -> None:
        self._prompt.close()
        self._status.display = True
        self._arrangement.arrange()
        self._host.call_after_refresh(self._prompt.pass_on)

    def filter(self, text: str) -> None:
        wanted = parse_filter(text)
        self._table.set_filter(wanted)
        self._host.announce(
            f"filter /{wanted.source} · {key_of('back')} shows all" if wanted else "filter off"
        )

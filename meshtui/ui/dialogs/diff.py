"""The dialog between a change and its being made: what it does, what is to know, Enter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.errors import Conflict, MeshtuiError
from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.dialogs.diffkeys import LEAVING, Phase, for_all, keys_of, widening
from meshtui.ui.dialogs.difftext import (
    cut_off,
    error_lines,
    outcome_level,
    outcome_words,
    steps_lines,
    subtitle,
)
from meshtui.ui.dialogs.form import FormInput
from meshtui.ui.main.background import in_background
from meshtui.ui.main.messages import PlanFailed, Planned
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

PlanSource = Callable[[bool], Awaitable[Plan]]
"""Makes the plan. True: against what is there now, whatever the person looked at before."""


@dataclass(frozen=True, slots=True)
class InAll:
    """The same change in all clusters that have the service: its heading, and its plan."""

    heading: str
    source: PlanSource


class DiffDialog(Dialog[None]):
    """Shows one plan, frozen, and applies it on Enter once it has been on the screen."""

    CSS_PATH = "diff.tcss"
    PADDING: ClassVar[int] = 4
    """Lines above, below and around the text."""

    ARM_DELAY_S: ClassVar[float] = 0.15
    """An Enter that comes before the plan has been on the screen for so long is kept."""

    KEPT_S: ClassVar[float] = 0.3
    """An Enter that was kept applies the plan once it has been on the screen for so long, and only
    where there is no warning to be read; each further Enter begins this time anew."""

    STRAY_S: ClassVar[float] = 1.5
    """An Enter so soon behind a key that means nothing here was meant for something else."""

    BINDINGS = [  # noqa: RUF012
        Binding("enter", "go", show=False),
        Binding("e", "widen", show=False),
        Binding("ctrl+e", "widen", show=False, priority=True),
        Binding("a", "in_all", show=False),
        Binding("ctrl+a", "in_all", show=False, priority=True),
        *(
            Binding(keys, action, show=False)
            for keys, action in (
                ("down,j", "scroll(1)"),
                ("up,k", "scroll(-1)"),
                ("pagedown", "page(1)"),
                ("ctrl+d", "page(0.5)"),
                ("ctrl+u", "page(-0.5)"),
                ("pageup", "page(-1)"),
            )
        ),
    ]

    class Confirmed(Message):
        """The person wants this plan applied."""

        def __init__(self, plan: Plan, dialog: DiffDialog) -> None:
            super().__init__()
            self.plan = plan
            self.dialog = dialog

    def __init__(
        self,
        title: str,
        source: PlanSource,
        wider: PlanSource | None = None,
        in_all: InAll | None = None,
    ) -> None:
        """`wider`: plans the same for all that the plan of `source` does not reach."""
        super().__init__()
        self.heading = title
        self.phase = Phase.PLANNING
        self.armed = False
        self.plan: Plan | None = None
        self._source = source
        self._wider = wider
        self._in_all = in_all
        self._error: MeshtuiError | None = None
        self._message = ("", "text")
        self._warning = ""
        self._steps: list[str] = []
        self._title = LinesBlock(id="dialog-title")
        self._body = Listing(id="dialog-body")
        self._body.says_more = False
        self._typed = FormInput(id="dialog-name", placeholder="the service's name")
        self._typed.display = False
        self._arming: Timer | None = None
        self._strayed = self._kept = False
        self._keeps = True
        self._foot = KeyBlock(id="dialog-foot")
        self._frame = Vertical(self._title, self._body, self._typed, self._foot, id="dialog")

    def compose(self) -> ComposeResult:
        yield self._frame

    def on_mount(self) -> None:
        self.ask_plan(fresh=False)

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self._show)

    # The plan

    def ask_plan(self, *, fresh: bool) -> None:
        """Fetch the plan in a worker; Enter means nothing until it is shown."""
        self.phase, self.armed, self.plan, self._error = Phase.PLANNING, False, None, None
        self._kept, self._keeps = False, not fresh
        self._show()
        in_background(self, "plan", self._fetch, fresh)

    async def _fetch(self, fresh: bool) -> None:
        try:
            found = await self._source(fresh)
        except MeshtuiError as error:
            self.post_message(PlanFailed(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(PlanFailed(unexpected("planning", error)))
        else:
            self.post_message(Planned(found))

    def on_planned(self, message: Planned) -> None:
        self.plan = plan = message.plan
        self.phase = Phase.SHOWN
        self._kept = self._kept and _clear(plan)
        dangerous = plan.dangerous and not plan.empty
        self._typed.display = dangerous
        if dangerous:
            self._typed.focus()
        self._show()
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self._arm_in(self.KEPT_S if self._kept else self.ARM_DELAY_S)

    def _arm_in(self, seconds: float) -> None:
        if self._arming is not None:
            self._arming.stop()
        self._arming = self.set_timer(seconds, self._arm)

    def _arm(self) -> None:
        self.armed, self._strayed = self.phase is Phase.SHOWN, False
        kept, self._kept = self._kept and self.is_current, False
        if kept and self.armed and self.plan is not None:
            self._confirm(self.plan)
        else:
            self._show_foot()

    def on_plan_failed(self, message: PlanFailed) -> None:
        self._fail(message.error)

    # Keys

    async def on_key(self, event: events.Key) -> None:
        """Who types words does not see the dialog: an Enter behind them must not apply it."""
        if self.phase is Phase.APPLYING and event.key == "q":
            event.stop()
            event.prevent_default()
            await self._leave()
        elif (
            self.phase is Phase.SHOWN
            and event.is_printable
            and event.key not in self.active_bindings
        ):
            event.prevent_default()
            self._stray()

    def _stray(self) -> None:
        self.armed, self._strayed, self._kept = False, True, False
        self._arm_in(self.STRAY_S)
        self._show_foot()

    async def _leave(self) -> None:
        """The first time the program says why it stays; here too, for its line is covered."""
        self._warning = LEAVING
        self._show_foot()
        await self.app.run_action("app.leave")

    def action_go(self) -> None:
        """Enter: apply what is shown, plan again after a conflict, or close what is over."""
        if self.phase is Phase.CONFLICT:
            self.ask_plan(fresh=True)
        elif self.phase in (Phase.OVER, Phase.FAILED):
            self.dismiss(None)
        elif self.phase is Phase.SHOWN and self.armed and self.plan is not None:
            self._confirm(self.plan)
        elif self.phase in (Phase.PLANNING, Phase.SHOWN) and not self._strayed:
            self._keep()

    def _keep(self) -> None:
        """An Enter that came too early for the plan to be read is not lost."""
        self._kept = self._keeps and (self.plan is None or _clear(self.plan))
        if self._kept and self.phase is Phase.SHOWN:
            self._arm_in(self.KEPT_S)
        self._show_foot()

    def action_widen(self) -> None:
        """Take along what the plan that is shown does not reach."""
        if self._can_widen and self._wider is not None:
            self._source, self._wider = self._wider, None
            self._typed.value = ""
            self.ask_plan(fresh=False)
        elif self.phase is Phase.SHOWN:
            self._stray()

    def action_in_all(self) -> None:
        """Plan the same in all clusters of the group that have the service."""
        if self.phase in (Phase.SHOWN, Phase.FAILED) and self._in_all is not None:
            self.heading, self._source = self._in_all.heading, self._in_all.source
            self._in_all = self._wider = None
            self._typed.value = ""
            self.ask_plan(fresh=False)
        elif self.phase is Phase.SHOWN:
            self._stray()

    @property
    def _can_widen(self) -> bool:
        plan = self.plan if self.phase is Phase.SHOWN else None
        return plan is not None and bool(plan.not_reached) and self._wider is not None

    def _confirm(self, plan: Plan) -> None:
        if plan.empty:
            self.dismiss(None)
        elif self._name_missing(plan):
            self._show_foot()
        else:
            self.phase = Phase.APPLYING
            self._typed.display = False
            self._message, self._warning, self._steps = ("", "text"), "", []
            self._show_foot()
            self.app.post_message(self.Confirmed(plan, self))

    def _name_missing(self, plan: Plan) -> bool:
        typed = self._typed.value.strip()
        return plan.dangerous and typed != plan.change.service.name

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_foot()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_go()

    def action_scroll(self, by: int) -> None:
        self._body.move(by)
        self._show_foot()

    def action_page(self, pages: float) -> None:
        self._body.page(pages)
        self._show_foot()

    # Applying, told by the desk

    def step(self, text: str) -> None:
        if self.phase is Phase.APPLYING:
            self._steps.append(text)
            self._message = " · ".join(self._steps), "text"
            self._show_foot()

    def finish(self, outcome: Outcome) -> None:
        """Close when all is well; stay and say so when it is not verified."""
        level = outcome_level(outcome)
        if level == "done":
            self.dismiss(None)
            return
        self.phase = Phase.OVER
        self._message = outcome_words(outcome), "loud" if level == "warning" else "text"
        self._show_foot()

    def fail(self, error: MeshtuiError) -> None:
        self._fail(error)

    def _fail(self, error: MeshtuiError) -> None:
        self._error = error
        self.phase = Phase.CONFLICT if isinstance(error, Conflict) else Phase.FAILED
        self._typed.display = False
        self._message = "", "text"
        self._show()

    # Painting

    def _width(self) -> int:
        return max(self._frame.content_size.width, 40)

    def _show(self) -> None:
        if not self.is_mounted:
            return
        where = subtitle(self.plan) if self.plan else ""
        title = [(span(self.heading, "strong"),), (span(where, "muted"),), BLANK]
        self._title.show(title)
        self._body.fill(self._lines())
        self._show_foot()

    def _lines(self) -> list[Line]:
        if self.plan is not None:
            return steps_lines(self.plan.parts, self._width() - 1)
        if self.phase is Phase.PLANNING:
            return [(Span("planning, checking with the API server…", "muted"),), BLANK]
        return error_lines(self._error, self._width() - 1) if self._error else [BLANK]

    def _show_foot(self) -> None:
        foot = [*self._problem(), *self._said(), self._keys()]
        name = 2 if self._typed.display else 0
        room = self.size.height - self.PADDING - len(foot) - name - len(self._title.lines)
        if self._body.line_count() > max(room, 3):
            room = max(room - 1, 3)
            top, typing = self._body.scroll_offset.y, self._typed.display
            foot.insert(0, cut_off(self._body.line_count(), top, room, typing=typing))
        self._foot.show(foot)
        self._body.fit_into(max(room, 3))

    def _said(self) -> list[Line]:
        """How far it came, and why the program stays, as wide as there is room now."""
        text, role = self._message
        lines = wrapped(text, self._width() - 2, role) if text else []
        stays = self._warning if self.phase is Phase.APPLYING else ""
        return [*lines, *(wrapped(stays, self._width(), "warning") if stays else [])]

    def _problem(self) -> list[Line]:
        """What went wrong with a plan that is shown; without one it is the body."""
        return error_lines(self._error, self._width()) if self._error and self.plan else []

    def _keys(self) -> Line:
        missing = self.plan is not None and self._name_missing(self.plan)
        keys = keys_of(
            self.phase,
            self.plan,
            armed=self.armed,
            strayed=self._strayed,
            kept=self._kept,
            name_missing=missing,
        )
        typing = self._typed.display
        more = widening(typing=typing) if self._can_widen else ()
        if self._in_all is not None and self.phase is Phase.SHOWN:
            more += for_all(typing=typing)
        return (*more, *keys)


def _clear(plan: Plan) -> bool:
    """True where nothing was found that must be read before the plan is applied."""
    return not plan.empty and not plan.warnings

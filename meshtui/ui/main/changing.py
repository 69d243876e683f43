"""From a wish to a made change: which plan, which dialog, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from textual.message_pump import MessagePump
from textual.screen import Screen

from meshtui.changes.change import (
    ClearAll,
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    Outcome,
    Plan,
    Promote,
    Request,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.view import ServiceView
from meshtui.ui.dialogs.difftext import outcome_level, outcome_words
from meshtui.ui.main.draft import ordinary_target, target_of
from meshtui.ui.main.feed import unexpected
from meshtui.ui.main.messages import Applied, ApplyFailed, ApplyStep
from meshtui.ui.main.pending_edit import Kept
from meshtui.ui.main.rule_selection import rule_name

if TYPE_CHECKING:
    from meshtui.operations.change.edit import Draft
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.dialogs.diff import DiffDialog, PlanSource

NOT_VERIFIED = "NOT VERIFIED"


class Host(Protocol):
    """What the desk needs of the screen."""

    def say(self, text: str, level: str = "info") -> None: ...
    def fail(self, error: MeshtuiError) -> None: ...
    def open_dialog(self, dialog: Screen[None], closed: Callable[[], None]) -> None: ...
    def show_notes(self, notes: Mapping[ServiceKey, str]) -> None: ...
    def change_made(self, key: ServiceKey) -> None: ...


class ChangeDesk:
    """Opens a dialog for each wish and follows each plan that was confirmed.

    An apply goes on when its dialog is closed; it is followed in the status line and in the
    service's row until the proxies were seen to serve it.
    """

    def __init__(self, cockpit: Cockpit, host: Host) -> None:
        self._cockpit = cockpit
        self._host = host
        self._dialogs: dict[int, DiffDialog] = {}
        self._running: dict[int, Plan] = {}
        self._edits: dict[int, Kept] = {}
        self._kept: dict[int, Kept] = {}
        self._notes: dict[ServiceKey, str] = {}

    @property
    def busy(self) -> tuple[Plan, ...]:
        """Plans that are being applied now."""
        return tuple(self._running.values())

    # Wishes

    def ask(self, view: ServiceView, request: Request, target: Target | None = None) -> None:
        """Plan `request` for a service and show it. A rollback may overtake a running change."""
        if not isinstance(request, Rollback):
            self._refuse_while_applying(view.key)
        aimed = ordinary_target if isinstance(request, Rollback) else target_of
        looked_at = target or aimed(view)
        now = Target(looked_at.service, looked_at.rule)

        async def source(fresh: bool) -> Plan:
            return await self._cockpit.plan(request, now if fresh else looked_at)

        async def everywhere(fresh: bool) -> Plan:
            wider = replace(request, everywhere=True) if isinstance(request, Rollback) else request
            return await self._cockpit.plan(wider, now if fresh else looked_at)

        wider = everywhere if isinstance(request, Rollback) else None
        self._open(title_of(request, view.key), source, wider=wider)

    def undo(self, change_id: str = "") -> None:
        """Show the way back of a change."""

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_undo(change_id)

        self._open(f"Undo {change_id or 'the last change'}", source)

    def again(self) -> None:
        """Show the change that somebody else reverted, to be applied once more."""

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_again()

        self._open("Apply again what was reverted", source)

    def adopt(self, key: ServiceKey, stable: str = "") -> None:
        """Show both steps of giving a service its routing objects."""
        self._refuse_while_applying(key)

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_adoption(key, stable)

        self._open(f"Adopt {key}", source)

    def edited(self, draft: Draft) -> None:
        """Show what the person did to an object; the text is kept until that is made."""
        kept = Kept(draft, self._cockpit)
        dialog = self._open(f"Edit {draft.item.ref}", kept.plan, lambda: self._closed(kept))
        self._kept[id(dialog)] = kept

    def _closed(self, kept: Kept) -> None:
        if kept.there and kept.plan_id not in self._running:
            self._host.say(kept.words, "warning")

    def clear(self, view: ServiceView) -> None:
        """Mirrors and fault off, in one change."""
        rule = view.rule
        if rule is None or not (rule.fault or rule.mirrors):
            raise Refused(f"{view.key.name} has no mirror and no fault in {_which(view)}")
        self.ask(view, ClearAll())

    def _open(
        self,
        title: str,
        source: PlanSource,
        closed: Callable[[], None] = lambda: None,
        wider: PlanSource | None = None,
    ) -> DiffDialog:
        from meshtui.ui.dialogs.diff import DiffDialog  # the first paint does not wait for it

        dialog = DiffDialog(title, source, wider)
        self._host.open_dialog(dialog, closed)
        return dialog

    def _refuse_while_applying(self, key: ServiceKey) -> None:
        if any(plan.change.service == key for plan in self._running.values()):
            raise Refused(
                f"a change to {key.name} is being applied", "wait for its outcome, or press R"
            )

    # Applying

    def confirmed(self, plan: Plan, dialog: DiffDialog) -> None:
        """Remember who wants to hear of this plan. Called before `apply` is run as a worker."""
        self._dialogs[id(plan)] = dialog
        self._running[id(plan)] = plan
        if id(dialog) in self._kept:
            self._edits[id(plan)] = self._kept.pop(id(dialog))
        self._note(plan.change.service, "applying…")
        self._host.say(f"{plan.change.service.name}: applying…")

    async def apply(self, plan: Plan, to: MessagePump) -> None:
        """The worker: every step and the end become messages."""

        def tell(text: str) -> None:
            to.post_message(ApplyStep(plan, text))

        try:
            outcome = await self._cockpit.apply(plan, tell)
        except MeshtuiError as error:
            to.post_message(ApplyFailed(plan, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            to.post_message(ApplyFailed(plan, unexpected("applying", error)))
        else:
            to.post_message(Applied(plan, outcome))

    def on_step(self, message: ApplyStep) -> None:
        self._host.say(f"{message.plan.change.service.name}: {message.text}")
        dialog = self._open_dialog(message.plan)
        if dialog is not None:
            dialog.step(message.text)

    def on_applied(self, plan: Plan, outcome: Outcome) -> None:
        level = outcome_level(outcome)
        self._host.say(outcome_words(outcome), level)
        key = plan.change.service
        self._note(key, NOT_VERIFIED if outcome.applied and not outcome.verified else "")
        if outcome.applied:
            self._host.change_made(key)
        kept = self._edits.pop(id(plan), None)
        if kept is not None:
            kept.done()
        dialog = self._end(plan)
        if dialog is not None:
            dialog.finish(outcome)

    def settled(self, seen: Mapping[ServiceKey, str]) -> None:
        """A change that was not verified in time is, by now, or is no longer the last word."""
        for key, words in seen.items():
            if self._notes.get(key) == NOT_VERIFIED:
                self._note(key, "")
                self._host.say(f"{key.name}: {words}")

    def on_failed(self, message: ApplyFailed) -> None:
        self._note(message.plan.change.service, "")
        dialog = self._end(message.plan)
        kept = self._edits.pop(id(message.plan), None)
        error = kept.told(message.error) if kept else message.error
        self._host.fail(error)
        if dialog is not None:
            dialog.fail(error)

    def _end(self, plan: Plan) -> DiffDialog | None:
        dialog = self._open_dialog(plan)
        self._running.pop(id(plan), None)
        self._dialogs.pop(id(plan), None)
        return dialog

    def _open_dialog(self, plan: Plan) -> DiffDialog | None:
        dialog = self._dialogs.get(id(plan))
        return dialog if dialog is not None and dialog.is_current else None

    def _note(self, key: ServiceKey, text: str) -> None:
        if text:
            self._notes[key] = text
        else:
            self._notes.pop(key, None)
        self._host.show_notes(self._notes)


def _which(view: ServiceView) -> str:
    name = rule_name(view)
    return f"rule {name}" if name else "its ordinary rule"


def title_of(request: Request, key: ServiceKey) -> str:
    """What the dialog is about, in the operator's words."""
    match request:
        case Shift():
            return f"Shift {key}"
        case Promote(version):
            return f"Promote {version} of {key}"
        case Rollback():
            return f"Roll back {key}"
        case SetMirror(to):
            return f"Mirror {key} to {to}"
        case ClearMirror():
            return f"Mirror off for {key}"
        case SetFault():
            return f"Inject a fault into {key}"
        case ClearFault():
            return f"Fault off for {key}"
        case ClearAll():
            return f"Mirrors and fault off for {key}"
        case SetTimeout():
            return f"Timeout and retries of {key}"
        case ClearTimeout():
            return f"Timeout off for {key}"
        case SetBreaker() | ClearBreaker():
            return f"Circuit breaker of {key}"

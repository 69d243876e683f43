"""From a request to a made change: which plan, which dialog, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from textual.message_pump import MessagePump
from textual.screen import Screen

from meshtui.changes.change import (
    ClearAll,
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
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
from meshtui.changes.outcome import Outcome
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of, plain
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import ProgressStep
from meshtui.ui.actions.registry import key_of
from meshtui.ui.dialogs.difftext import outcome_level, outcome_words
from meshtui.ui.main.draft import ordinary_target, target_of
from meshtui.ui.main.faults import fault_to_clear
from meshtui.ui.main.messages import ApplyFailed, ApplyStep, ChangeApplied
from meshtui.ui.main.pending_edit import PendingEdit
from meshtui.ui.main.rule_selection import rule_name
from meshtui.ui.main.snapshot_feed import unexpected

if TYPE_CHECKING:
    from meshtui.operations.change.edit import EditFile
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.dialogs.diff import DiffDialog, InAll, PlanSource

NOT_VERIFIED = "NOT VERIFIED"


class Host(Protocol):
    """What the desk needs of the screen."""

    def announce(self, text: str, level: str = "info") -> None: ...
    def fail(self, error: MeshtuiError) -> None: ...
    def open_dialog(self, dialog: Screen[None], closed: Callable[[], None]) -> None: ...
    def show_notes(self, notes: Mapping[ServiceKey, str]) -> None: ...
    def change_made(self, key: ServiceKey) -> None: ...


@dataclass(slots=True)
class RunningChange:
    """A plan that is being applied, its last step, and who is told what became of it."""

    plan: Plan
    dialog: DiffDialog
    edit: PendingEdit | None = None
    step: ProgressStep | None = None

    @property
    def open_dialog(self) -> DiffDialog | None:
        """The dialog, unless the person has closed it."""
        return self.dialog if self.dialog.is_current else None


class ChangeDesk:
    """Opens a dialog for each request and follows each plan that was confirmed.

    An apply goes on when its dialog is closed; it is followed in the status line and in the
    service's row until the proxies were seen to serve it.
    """

    def __init__(self, cockpit: Cockpit, host: Host) -> None:
        self._cockpit = cockpit
        self._host = host
        self._running: list[RunningChange] = []
        self._edits: list[PendingEdit] = []
        self._notes: dict[ServiceKey, str] = {}

    @property
    def busy(self) -> tuple[Plan, ...]:
        """Plans that are being applied now."""
        return tuple(running.plan for running in self._running)

    @property
    def writing(self) -> bool:
        """Whether one of them may still be going to write."""
        return not all(running.step and running.step.all_written for running in self._running)

    # Requests

    def ask(self, view: ServiceView, request: Request, target: Target | None = None) -> None:
        """Plan `request` for a service and show it. A rollback may overtake a running change."""
        if not isinstance(request, Rollback):
            self._refuse_while_applying(view.key)
        rule_choice = ordinary_target if isinstance(request, Rollback) else target_of
        looked_at = target or rule_choice(view)
        now = Target(looked_at.service, looked_at.rule)

        async def source(fresh: bool) -> Plan:
            return await self._cockpit.plan(request, now if fresh else looked_at)

        async def everywhere(fresh: bool) -> Plan:
            wider = replace(request, everywhere=True) if isinstance(request, Rollback) else request
            return await self._cockpit.plan(wider, now if fresh else looked_at)

        async def in_all(fresh: bool) -> Plan:
            return await self._cockpit.plan_in_all(request, now if fresh else looked_at)

        wider = everywhere if isinstance(request, Rollback) else None
        title = title_of(request, view.key)
        self._open(title, source, wider=wider, in_all=self._in_all(request, view.key, in_all))

    def _in_all(self, request: Request | None, key: ServiceKey, source: PlanSource) -> InAll | None:
        """The same in all clusters, where several have the service."""
        clusters = self._cockpit.clusters_with(key)
        if len(clusters) < 2:
            return None
        title = title_of(request, plain(key)) if request else f"Adopt {plain(key)}"
        return _everywhere(title, clusters, source)

    def undo(self, change_id: str = "") -> None:
        """Show the way back of a change."""

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_undo(change_id)

        async def in_all(_: bool) -> Plan:
            return await self._cockpit.plan_undo_in_all(change_id)

        title = f"Undo {change_id or 'the last change'}"
        clusters = self._cockpit.made_in(change_id)
        everywhere = _everywhere(title, clusters, in_all) if clusters else None
        self._open(title, source, in_all=everywhere)

    def again(self) -> None:
        """Show the change that somebody else reverted, to be applied once more."""

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_again()

        self._open("Apply again what was reverted", source)

    def adopt(self, key: ServiceKey, stable: str = "", *, gateway_api: bool = False) -> None:
        """Show the steps of giving a service its routing objects.

        By the Gateway API, or to a version that is named, in one cluster at a time: shares and
        versions are those of its own pods.
        """
        self._refuse_while_applying(key)

        async def source(_: bool) -> Plan:
            return await self._cockpit.plan_adoption(key, stable, gateway_api=gateway_api)

        async def in_all(_: bool) -> Plan:
            return await self._cockpit.plan_in_all(None, Target(key))

        everywhere = None if gateway_api or stable else self._in_all(None, key, in_all)
        self._open(f"Adopt {key}", source, in_all=everywhere)

    def edited(self, draft: EditFile) -> None:
        """Show what the person did to an object; the text is kept until that is made."""
        edit = PendingEdit(draft, self._cockpit)
        self._edits.append(edit)
        self._open(f"Edit {draft.item.ref}", edit.plan, lambda: self._closed(edit))

    def _closed(self, edit: PendingEdit) -> None:
        if edit.saved and not any(running.edit is edit for running in self._running):
            self._host.announce(edit.words, "warning")

    def clear(self, view: ServiceView) -> None:
        """Mirrors and fault off, in one change."""
        fault = fault_to_clear(view)
        if (view.rule and view.rule.mirrors) or fault == target_of(view):
            self.ask(view, ClearAll())
        elif fault is not None:
            self.ask(view, ClearFault(), fault)
        else:
            raise Refused(f"{view.key.name} has no mirror and no fault in {_which(view)}")

    def _open(
        self,
        title: str,
        source: PlanSource,
        closed: Callable[[], None] = lambda: None,
        wider: PlanSource | None = None,
        in_all: InAll | None = None,
    ) -> None:
        from meshtui.ui.dialogs.diff import DiffDialog  # the first paint does not wait for it

        self._host.open_dialog(DiffDialog(title, source, wider, in_all), closed)

    def _refuse_while_applying(self, key: ServiceKey) -> None:
        if any(change.service == key for plan in self.busy for change in plan.changes):
            raise Refused(
                f"a change to {key.name} is being applied",
                f"wait for its outcome, or press {key_of('rollback')}",
            )

    # Applying

    def confirmed(self, plan: Plan, dialog: DiffDialog) -> None:
        """Remember who wants to hear of this plan. Called before `apply` is run as a worker."""
        edit = next((edit for edit in self._edits if edit.planned is plan), None)
        if edit is not None:
            self._edits.remove(edit)
        self._running.append(RunningChange(plan, dialog, edit))
        for key in services_of(plan):
            self._note(key, "applying…")
        self._host.announce(f"{plan.change.service.name}: applying…")

    async def apply(self, plan: Plan, to: MessagePump) -> None:
        """The worker: every step and the end become messages."""

        def report(step: ProgressStep) -> None:
            to.post_message(ApplyStep(plan, step))

        try:
            outcome = await self._cockpit.apply(plan, report)
        except MeshtuiError as error:
            to.post_message(ApplyFailed(plan, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            to.post_message(ApplyFailed(plan, unexpected("applying", error)))
        else:
            to.post_message(ChangeApplied(plan, outcome))

    def on_step(self, message: ApplyStep) -> None:
        self._host.announce(f"{message.plan.change.service.name}: {message.step.text}")
        running = self._followed(message.plan)
        if running is None:
            return
        running.step = message.step
        if running.open_dialog is not None:
            running.open_dialog.step(message.step.text)

    def on_applied(self, plan: Plan, outcome: Outcome) -> None:
        level = outcome_level(outcome)
        self._host.announce(outcome_words(outcome), level)
        for key in services_of(plan):
            self._note(key, NOT_VERIFIED if outcome.applied and not outcome.verified else "")
            if outcome.applied:
                self._host.change_made(key)
        running = self._end(plan)
        if running is not None and running.edit is not None:
            running.edit.done()
        dialog = running.open_dialog if running else None
        if dialog is not None:
            dialog.finish(outcome)

    def settled(self, seen: Mapping[ServiceKey, str]) -> None:
        """A change that was not verified in time is, by now, or is no longer the last word."""
        for key, words in seen.items():
            if self._notes.get(key) == NOT_VERIFIED:
                self._note(key, "")
                self._host.announce(f"{key.name}: {words}")

    def on_failed(self, message: ApplyFailed) -> None:
        for key in services_of(message.plan):
            self._note(key, "")
        running = self._end(message.plan)
        edit = running.edit if running else None
        error = edit.with_file(message.error) if edit else message.error
        self._host.fail(error)
        dialog = running.open_dialog if running else None
        if dialog is not None:
            dialog.fail(error)

    def _followed(self, plan: Plan) -> RunningChange | None:
        return next((running for running in self._running if running.plan is plan), None)

    def _end(self, plan: Plan) -> RunningChange | None:
        running = self._followed(plan)
        if running is not None:
            self._running = [other for other in self._running if other is not running]
        return running

    def _note(self, key: ServiceKey, text: str) -> None:
        if text:
            self._notes[key] = text
        else:
            self._notes.pop(key, None)
        self._host.show_notes(self._notes)


def _everywhere(title: str, clusters: Sequence[str], source: PlanSource) -> InAll:
    from meshtui.ui.dialogs.diff import InAll

    return InAll(f"{title} in {', '.join(clusters)}", source)


def services_of(plan: Plan) -> tuple[ServiceKey, ...]:
    """The service that it is about, once for each cluster in which it is made."""
    keys = (change.service for change in plan.changes)
    return tuple({cluster_of(key): key for key in keys}.values())


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

"""What workers tell the screen: they never touch a widget themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.errors import MeshtuiError
from meshtui.operations.types import ProgressStep, Snapshot

if TYPE_CHECKING:
    from meshtui.operations.change.edit import EditFile


class Connected(Message):
    """The cluster was reached."""


class ConnectFailed(Message):
    """It was not."""

    def __init__(self, error: MeshtuiError) -> None:
        super().__init__()
        self.error = error


class SnapshotArrived(Message):
    """A new look at the mesh; of several waiting only the newest counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotArrived)


class FeedFailed(Message):
    """The snapshots stopped. What is on screen stays and grows old."""

    def __init__(self, error: MeshtuiError) -> None:
        super().__init__()
        self.error = error


class Planned(Message):
    """A plan is there to be shown."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


class Edited(Message):
    """The person has left the editor; `error` where it never opened or ended badly."""

    def __init__(self, draft: EditFile, error: MeshtuiError | None = None) -> None:
        super().__init__()
        self.draft = draft
        self.error = error


class PlanFailed(Message):
    """There is none, and why."""

    def __init__(self, error: MeshtuiError) -> None:
        super().__init__()
        self.error = error


class ApplyStep(Message):
    """A step of applying `plan`."""

    def __init__(self, plan: Plan, step: ProgressStep) -> None:
        super().__init__()
        self.plan = plan
        self.step = step


class ChangeApplied(Message):
    """What became of a plan."""

    def __init__(self, plan: Plan, outcome: Outcome) -> None:
        super().__init__()
        self.plan = plan
        self.outcome = outcome


class ApplyFailed(Message):
    """The plan was not carried out, or nobody knows whether it was."""

    def __init__(self, plan: Plan, error: MeshtuiError) -> None:
        super().__init__()
        self.plan = plan
        self.error = error


class ThemeWanted(Message):
    """Another context has a theme of its own; empty: the usual one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

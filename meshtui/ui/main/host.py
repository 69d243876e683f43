"""What the parts of the main screen use of it, as small protocols; none of them imports it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App
from textual.geometry import Size
from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.operations.types import Snapshot

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


class Notifies(Protocol):
    """The status line."""

    def announce(self, text: str, level: str = "info") -> None: ...
    def fail(self, error: MeshtuiError) -> None: ...


class Welcomes(Protocol):
    """The lines for a newcomer."""

    def close_welcome(self) -> None: ...


class HasSnapshot(Protocol):
    """The newest snapshot; None before the first."""

    @property
    def snapshot(self) -> Snapshot | None: ...


class HasApp(Protocol):
    """The program around the screen."""

    @property
    def app(self) -> App[object]: ...


class HasCockpit(Protocol):
    """What is known and set of the cluster."""

    @property
    def cockpit(self) -> Cockpit: ...


class Guards(Protocol):
    """Runs what may be refused: a refusal becomes a line in the status line."""

    def guarded(self, do: Callable[[], None]) -> None: ...


class UpdatesKeys(Protocol):
    """The line of keys follows what is on screen."""

    def update_keys(self) -> None: ...


class UpdatesPanes(Protocol):
    """The open panes follow the table's cursor."""

    def update_panes(self) -> None: ...


class UpdatesPlace(Protocol):
    """The header says where we are."""

    def place_again(self) -> None: ...


class Defers(Protocol):
    """Calls something once what has changed is on screen."""

    def call_after_refresh(self, callback: Callable[[], object], /) -> bool: ...


class RunsWorkers(Protocol):
    """Work beside the screen, which ends in a message."""

    def run_worker(
        self, work: Coroutine[Any, Any, None], /, *, group: str, exit_on_error: bool
    ) -> object: ...

    def post_message(self, message: Message, /) -> bool: ...


class Sized(Protocol):
    """The room there is, and the classes that the style sheet lays out by."""

    @property
    def size(self) -> Size: ...

    def set_class(self, add: bool, /, *class_names: str) -> object: ...

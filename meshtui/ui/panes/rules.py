"""What the VirtualServices and DestinationRules say about the selected service."""

from __future__ import annotations

from meshtui.operations.types import Snapshot
from meshtui.ui.main.rule_selection import rule_name
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.ruletext import rules_lines, yaml_lines
from meshtui.ui.widgets.item_list import Picked, PickList
from meshtui.ui.widgets.paint import Line, Span


class RulesPane(Pane):
    """In words, or the objects as they are in the cluster."""

    kind = "rules"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.in_yaml = False
        self._snapshot: Snapshot | None = None
        self._shown: tuple[object, ...] = ()

    def update_body(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        mark = (
            self.in_yaml,
            self.view.key if self.view else None,
            self._versions(),
            self.size.width,
        )
        if mark == self._shown or not self.size.width:
            return
        moved = self._shown[:2] != mark[:2]
        self._shown = mark
        self.picks.offer(self._lines(snapshot))
        if moved:
            self.picks.to_top()

    def make_body(self) -> PickList:
        return PickList(classes="pane-body")

    @property
    def picks(self) -> PickList:
        assert isinstance(self.body, PickList)  # noqa: S101 - made by make_body
        return self.body

    @property
    def idle(self) -> frozenset[str]:
        """In YAML the cursor is on no rule."""
        return frozenset({"select_rule"}) if self.in_yaml else frozenset()

    @property
    def picked(self) -> str:
        return self.picks.picked

    def _versions(self) -> tuple[str, ...]:
        """The objects' resourceVersions: nothing else changes what is said here."""
        if self.view is None or self._snapshot is None:
            return ()
        rules = self._snapshot.mesh.rules_by_host.get(self.view.service.host, ())
        return (
            rule_name(self.view),
            *(f"{r.service.ref.uid}{r.service.resource_version}" for r in self.view.routes),
            *(f"{rule.ref.uid}{rule.resource_version}" for rule in rules),
        )

    def _lines(self, snapshot: Snapshot) -> list[Picked]:
        if self.view is None:
            return []
        if self.in_yaml:
            return [Picked(line) for line in yaml_lines(self.view, snapshot.mesh)]
        return rules_lines(self.view, snapshot.mesh, self.size.width - 3)

    def title_words(self) -> tuple[Line, Line]:
        return (), (Span("YAML" if self.in_yaml else "", "muted"),)

    def do_raw(self) -> None:
        self.show(in_yaml=not self.in_yaml)

    def show(self, *, in_yaml: bool) -> None:
        self.in_yaml = in_yaml
        if self._snapshot is not None:
            self.update_body(self._snapshot)
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        if self._snapshot is not None:
            self.update_body(self._snapshot)

    def on_focus(self) -> None:
        self.picks.light(True)

    def on_blur(self) -> None:
        self.picks.light(False)

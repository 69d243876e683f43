"""The forms for a mirror and for a fault: their fields, and how their values are read."""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.changes.change import Request, SetMirror
from meshtui.errors import Refused, Usage
from meshtui.mesh.quantity import percentage
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.commands import code_of, delay_of, expiry_of, fault_request, header_of
from meshtui.ui.dialogs.form import Field, FormDialog

Values = Mapping[str, str]


def mirror_form(view: ServiceView, selected: VersionView | None) -> FormDialog:
    """To which version, how much, for how long."""
    labels = [version.label for version in view.versions if version.host]
    if not labels:
        raise Refused(f"{view.key.name} has no version to mirror to")
    proposed = _mirror_target(view, selected)
    return FormDialog(
        f"Mirror {view.key}",
        (
            Field("to", "to version", proposed, "← → choose", choices=tuple(labels)),
            Field("percent", "percent", "100", "of the rule's requests"),
            Field("for", "for", "none", "none, or 15m, 2h"),
        ),
        lambda values: read_mirror(values, labels),
    )


def _mirror_target(view: ServiceView, selected: VersionView | None) -> str:
    """The selected version, else the one with the least traffic."""
    if selected is not None and selected.host:
        return selected.label
    candidates = [version for version in view.versions if version.host]
    lightest = min(candidates, key=lambda version: version.percent or 0.0, default=None)
    return lightest.label if lightest else ""


def read_mirror(values: Values, labels: list[str]) -> Request:
    if values["to"] not in labels:
        raise Usage(
            f"{values['to'] or 'nothing'} is no version of it", f"it has {', '.join(labels)}"
        )
    return SetMirror(values["to"], _percent(values["percent"]), expiry_of(values["for"] or "none"))


def fault_form(view: ServiceView) -> FormDialog:
    """A delay, an abort or both; left empty means not."""
    return FormDialog(
        f"Inject a fault into {view.key}",
        (
            Field("delay", "delay", "", "3s, 200ms, or empty: no delay"),
            Field("delay_percent", "delay percent", "100", "of the requests"),
            Field("abort", "abort with", "", "503, or empty: no abort"),
            Field("abort_percent", "abort percent", "10", "of the requests"),
            Field("header", "only with header", "", "name=value, or empty: all", text=True),
            Field("for", "for", "15m", "then taken back; none: never"),
        ),
        read_fault,
    )


def read_fault(values: Values) -> Request:
    delay = abort = None
    if values["delay"]:
        delay = delay_of(values["delay"]), _percent(values["delay_percent"])
    if values["abort"]:
        abort = code_of(values["abort"]), _percent(values["abort_percent"])
    header = header_of(values["header"]) if values["header"] else None
    return fault_request(delay, abort, header, expiry_of(values["for"] or "none"))


def _percent(text: str) -> float:
    value = percentage(text)
    if value is None:
        raise Usage(f"{text or 'nothing'} is no percentage", "write a number from 0 to 100")
    return value

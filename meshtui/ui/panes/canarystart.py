"""How a canary is started from the screen: the words after `:canary run`, and the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from meshtui.canary.ladder import ladder
from meshtui.canary.plan import Choice, Plan, from_where_it_is, given_of, left_out, plans_of
from meshtui.canary.progress import Progress, ladder_text
from meshtui.canary.verdict import percent
from meshtui.changes.locate import resolve_service
from meshtui.config.settings import LADDER
from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.quantity import go_duration, human_duration
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.verbs.canary_verbs import RUN
from meshtui.verbs.line_values import parse_words

ALONE = "It runs in a process of its own, and goes on when this screen is closed."
_SELECTED = "SELECTED"
_SHELL = {
    "force": ("--force accepts what is dangerous, and is for a shell", "--to V --force"),
    "dry_run": ("--dry-run prints what it finds, and is for a shell", "--to V --dry-run"),
    "plan": ("--plan FILE may have several services, and is for a shell", "--plan FILE"),
}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A canary that somebody wants: its plan, and the options as a command line has them.

    The plan's service is as it was typed, empty for the selected one.
    """

    plan: Plan
    options: tuple[str, ...]
    resume: bool = False

    def words(self, service: ServiceKey) -> tuple[str, ...]:
        return ("run", str(service), *self.options, "--yes")

    def of(self, selected: ServiceKey, mesh: Mesh, namespace: str) -> ServiceKey:
        """The service that is meant. Raises `NotFound`."""
        name = self.plan.service
        if name in ("", selected.name, str(selected)):
            return selected
        return resolve_service(mesh, name, namespace).key


def read_run(words: Sequence[str], usual: Sequence[float] = LADDER) -> RunRequest:
    """What was typed after `:canary run`: as on the command line, or without the dashes.

    `usual` are the steps where none are given. Raises `Usage`, in the command line's words where
    a value is wrong.
    """
    values = parse_words(RUN, words)
    if values["steps"] is None and tuple(usual) != LADDER:
        values["steps"] = steps_text(usual)
    for name, (what, rest) in _SHELL.items():
        if values[name]:
            raise Usage(what, f"`meshtui canary run SERVICE {rest}`")
    service = values["service"] or ""
    (plan,) = plans_of({**values, "service": service or _SELECTED}, _no_file)
    options = [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in given_of(values).items()
    ]
    if values["timeout"] != RUN.parameter("timeout").default:
        options.append(f"--timeout={go_duration(values['timeout'])}")
    return RunRequest(replace(plan, service=service), tuple(options), values["resume"])


def _no_file(file: str) -> NoReturn:
    raise Usage(f"{file} is not read here")


def run_words(service: ServiceKey, version: str, usual: Sequence[float] = LADDER) -> str:
    """What stands in the `:` line for a canary of `service`; `version` is empty where not known."""
    steps = steps_text(usual)
    to = version if version.isprintable() and version and " " not in version else ""
    return f"canary run {service} --steps {steps} --every 5m --to {to}"


def steps_text(steps: Sequence[float]) -> str:
    return ",".join(f"{step:g}" for step in steps)


def proposed(view: ServiceView, version: str) -> str:
    """The version under the cursor, else of two the other one; empty: not known.

    The one that most of the traffic goes to is no canary.
    """
    known = sorted(
        (row for row in view.versions if row.host), key=lambda row: -(row.percent or 0.0)
    )
    others = [row.label for row in known[1:]]
    if version in others:
        return version
    return others[0] if len(others) == 1 else ""


def begin_question(
    request: RunRequest, service: ServiceKey, view: ServiceView | None
) -> tuple[str, str]:
    """The question before a canary begins, and what Enter then does.

    Raises `Refused` where the canary has more traffic than its last step.
    """
    plan = request.plan
    rows = _carrying(plan, view)
    others = [row for row in rows if row.label != plan.version]
    has = sum(row.percent or 0.0 for row in rows if row not in others)
    passed = left_out(plan, has)
    plan = from_where_it_is(plan, has)
    names = " and ".join(row.label for row in others)
    back = names if len(others) < 2 else _in_their_ratio(others)
    steps = " → ".join(rung.words for rung in ladder(plan))
    limits = plan.limits
    lines = [
        f"{steps}, {_long(plan.every_s)} each.",
        *([f"{passed[0].upper()}{passed[1:]}."] if passed else ()),
        f"At most {percent(limits.errors)} errors and {limits.p99_ms:g} ms for 99 % of the "
        f"requests, and no worse than {names or 'the versions beside it'}.",
        _on_fail(plan, back),
        *_extras(plan),
        ALONE,
    ]
    return f"Start a canary of {service} to {plan.version}?", "\n".join(lines)


def _long(seconds: float) -> str:
    """`5m` where it is five minutes sharp."""
    return human_duration(seconds).removesuffix("00s") if seconds >= 1 else go_duration(seconds)


def _carrying(plan: Plan, view: ServiceView | None) -> tuple[VersionView, ...]:
    """Who carries the traffic now, and would again; none where another rule may be meant."""
    if view is None or plan.rule:
        return ()
    return tuple(row for row in view.versions if row.host and (row.percent or 0.0) > 0)


def _in_their_ratio(rows: Sequence[VersionView]) -> str:
    """All of the traffic, divided as these divide their part of it now."""
    total = sum(row.percent or 0.0 for row in rows)
    return ", ".join(f"{row.label} {100 * (row.percent or 0.0) / total:.3g} %" for row in rows)


def _on_fail(plan: Plan, to: str) -> str:
    if plan.on_fail is Choice.HOLD:
        return "Where it fails it stays at its step, and waits for a person."
    return f"Where it fails, all traffic goes back to {to or 'where it is now'} at once."


def _extras(plan: Plan) -> list[str]:
    lines = []
    if plan.pause_at:
        steps = ", ".join(f"{step:g} %" for step in sorted(plan.pause_at))
        lines.append(f"A person is asked before {steps}.")
    if plan.gate:
        lines.append(f"Before each step: {plan.gate}")
    return lines


def resume_question(service: ServiceKey, progress: Progress) -> tuple[str, str]:
    where = progress.ladder[progress.index]
    words = (
        f"With the same counts and evidence: {ladder_text(progress)}, "
        f"{_long(progress.left_s)} left of this step."
        if progress.left_s >= 1
        else f"With the same counts and evidence: {ladder_text(progress)}."
    )
    return f"Go on with the canary of {service} to {progress.version} at {where}?", (
        f"{words}\n{ALONE}"
    )

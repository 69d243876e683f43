"""`demo` and `lab`: a small real mesh on this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from meshtui.cli import output
from meshtui.errors import Exit, MeshtuiError
from meshtui.paths import kubeconfig_paths

if TYPE_CHECKING:
    from meshtui.lab.process import RunningLab
    from meshtui.ui.greeting import Greeting

STATE = "state"
"""In the directory of a demo: what outlives a session elsewhere; here it goes with the demo."""

ENDING_S = 3.0
"""How long a demo waits for the canaries that were started in it: their cluster ends with it."""


WRONG = {
    "errors": "Version v3 of reviews answers some of its requests with 503.",
    "latency": "Version v3 of reviews takes almost half a second longer than the others.",
    "crash": "Version v3 of reviews crashes again and again.",
    "healthy": "Nothing is wrong; meshtui lab set reviews-v3 --errors 30% changes that.",
}
"""What a demo's person sees, by scenario."""


def welcome(scenario: str, kubeconfig: object) -> Greeting:
    """The first frame explained, and the way to the demo's cluster from elsewhere."""
    from meshtui.ui.greeting import Greeting

    wrong = WRONG.get(scenario, "")
    return Greeting(
        (
            "A demo: a small real mesh on this machine, each service with its versions below it, "
            f"and what callers get of them. {wrong}",
            "{down} and {up} move, {signals} says in words what is wrong, {lighter} takes weight "
            "off a version and Enter shows what that would write, {rollback} rolls back, {help} "
            "has all keys, {quit} ends the demo.",
            f"From another terminal: export KUBECONFIG={kubeconfig} and then meshtui services, or "
            "kubectl get pods. {back} takes these lines away.",
        ),
        (
            f"A demo. {wrong} {{signals}} says why, {{rollback}} rolls back, {{help}} has all "
            "keys; {back} takes these lines away.",
            f"Elsewhere: export KUBECONFIG={kubeconfig}",
        ),
    )


def up(arguments: argparse.Namespace) -> int:
    from meshtui.lab import commands

    return commands.up(
        arguments.dir,
        arguments.scenario,
        arguments.rps,
        synthetic=arguments.synthetic or 0,
        report=_line,
        complain=output.note,
    )


def set_workload(arguments: argparse.Namespace) -> int:
    from meshtui.lab import commands

    return commands.set_workload(
        arguments.workload,
        arguments.errors,
        arguments.latency,
        arguments.dir,
        report=_line,
        complain=output.note,
    )


def load(arguments: argparse.Namespace) -> int:
    from meshtui.lab import commands

    return commands.load(arguments.rps, arguments.dir, report=_line, complain=output.note)


def _line(text: str) -> None:
    """At once: a lab runs on after its first line."""
    output.line(text)
    output.flush()


@contextmanager
def _started(scenario: str) -> Iterator[RunningLab]:
    """A lab of its own; it takes seconds, and nobody should look at nothing meanwhile."""
    from meshtui.lab.process import spawn

    output.note("meshtui: starting a mesh of seven Envoy proxies on this machine…")
    with spawn(scenario) as lab:
        yield lab


def share_state(arguments: argparse.Namespace) -> None:
    """A command on the cluster of a demo has the demo's journal: what one of them changes is no
    stranger's to the other, and can be taken back from either."""
    folder = kubeconfig_paths(getattr(arguments, "kubeconfig", None))[0].parent
    if not (folder / STATE).is_dir():
        return
    from meshtui.lab import rundir
    from meshtui.lab.errors import LabError

    with suppress(LabError, OSError):
        if rundir.is_own_home(folder):
            os.environ["XDG_STATE_HOME"] = str(folder / STATE)


def demo(arguments: argparse.Namespace) -> int:
    """A lab in a process of its own, and the screen on it; both end together.

    The journal of a demo is the lab's: it goes with it. Commands on its cluster have the same.
    """
    from meshtui.cli.screen import need_cursor, run_screen, watched_terminal
    from meshtui.lab.errors import LabError

    need_cursor()
    try:
        with watched_terminal() as leaving, _started(arguments.scenario) as lab:
            state = lab.dir / STATE
            state.mkdir(mode=0o700)
            os.environ["XDG_STATE_HOME"] = str(state)
            arguments.kubeconfig, arguments.context = str(lab.kubeconfig), "admin"
            arguments.welcome = welcome(arguments.scenario, lab.kubeconfig)
            try:
                return run_screen(arguments, leaving, all_ends=True)
            finally:
                from meshtui.operations.canary.detached import end_started

                end_started(ENDING_S)
    except LabError as error:
        raise MeshtuiError(str(error)) from error
    return Exit.DONE

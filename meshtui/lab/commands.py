"""`meshtui lab up`, `set` and `load`; each returns the exit status of the command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from meshtui.lab import rundir
from meshtui.lab.client import LabClient
from meshtui.lab.errors import LabError
from meshtui.lab.scenario import SCENARIOS
from meshtui.lab.values import USAGE

Report = Callable[[str], object]
"""Prints one line."""


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def up(
    dir: Path | None = None,  # noqa: A002 - the name of the option
    scenario: str = "errors",
    rps: float = 40.0,
    follow_stdin: bool = False,
    synthetic: int = 0,
    *,
    report: Report = _print,
    complain: Report = _complain,
) -> int:
    """Run a lab in the foreground; its kubeconfig's path is the first line on standard output.

    `synthetic`: so many services without proxies in place of Bookinfo.
    """

    def run() -> None:
        if scenario not in SCENARIOS:
            known = ", ".join(SCENARIOS)
            raise LabError(f"no scenario {scenario!r}: there are {known}", USAGE)
        from meshtui.lab.run import Options, serve

        def announce(kubeconfig: Path) -> None:
            report(str(kubeconfig))

        asyncio.run(serve(Options(dir, scenario, rps, follow_stdin, synthetic), announce))

    return _guarded(run, complain)


def set_workload(
    workload: str,
    errors: str | None = None,
    latency: str | None = None,
    dir: Path | None = None,  # noqa: A002 - the name of the option
    *,
    report: Report = _print,
    complain: Report = _complain,
) -> int:
    """Let a workload fail (`5%`) or be slow (`200ms`); `0` takes it back."""
    given = [f"errors {errors}"] if errors is not None else []
    given += [f"latency {latency}"] if latency is not None else []

    def run() -> None:
        if not given:
            raise LabError("say what to set: --errors 5% or --latency 200ms", USAGE)
        _client(dir).set(workload, errors, latency)
        report(f"{workload}: {', '.join(given)}")

    return _guarded(run, complain)


def load(
    rps: float,
    dir: Path | None = None,  # noqa: A002 - the name of the option
    *,
    report: Report = _print,
    complain: Report = _complain,
) -> int:
    """Change the rate of requests."""

    def run() -> None:
        _client(dir).load(rps)
        report(f"load: {rps:g} requests/s")

    return _guarded(run, complain)


def _client(home: Path | None) -> LabClient:
    return LabClient(rundir.find(home).control)


def _guarded(action: Callable[[], None], complain: Report) -> int:
    """Failures are one line on standard error."""
    try:
        action()
    except LabError as error:
        complain(str(error))
        return error.code
    return 0

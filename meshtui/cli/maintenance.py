"""`keep` and `doctor`: ending what is over, and finding what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.screen_settings import doctors
from meshtui.errors import Exit, JournalError, MeshtuiError
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.look.doctor import FAIL, examine
from meshtui.operations.session import Session


async def keep(arguments: argparse.Namespace) -> int:
    """Takes back what has a time limit when it is over; for ever, or once for cron."""
    async with opening.session(arguments) as opened:
        if opened.journal is None:
            raise JournalError(opened.journal_trouble)
        limits = Limits(opened)
        if arguments.once:
            for text in await _round(opened, limits):
                output.note(f"meshtui: {text}")
            return Exit.FAILED if limits.notices() else Exit.DONE
        await _until_stopped(opened, limits, arguments.every)
    return Exit.DONE


async def _until_stopped(opened: Session, limits: Limits, every_s: float) -> None:
    """Until SIGTERM or SIGINT; a hang-up of the terminal changes nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    output.note(f"meshtui: keeping the time limits of {opened.cluster.context}; ^C ends it")
    reported: set[str] = set()
    while not stop.is_set():
        try:
            troubles = await _round(opened, limits)
        except MeshtuiError as error:
            troubles = (str(error),)
        for text in troubles:
            if _gist(text) not in reported:
                output.note(f"meshtui: {text}")
        reported = {_gist(text) for text in troubles}
        try:
            async with asyncio.timeout(every_s):
                await stop.wait()
        except TimeoutError:
            continue


async def _round(opened: Session, limits: Limits) -> tuple[str, ...]:
    """Ends what is over, that of a meshtui which was killed too; gives what stands against it."""
    troubles = await opened.recover()
    await limits.close_what_is_gone()
    if any(pending.left_s < 0 for pending in limits.pending()):
        for line in await limits.end_overdue(await opened.read_mesh()):
            with output.settled([line]):
                output.line(line)
    return (*filter(None, troubles), *limits.notices())


def _gist(text: str) -> str:
    """The text without its numbers: how long overdue, say. What was said is not said again."""
    return re.sub(r"\d+", "", text)


async def doctor(arguments: argparse.Namespace) -> int:
    """One line for each thing; status 1 where something fails."""
    async with opening.session(arguments) as opened:
        checks = [*doctors(opened.options), *[check async for check in examine(opened)]]
    form = opening.form(arguments)
    if form == "table":
        output.table(
            ("CHECK", "STATE", "WHAT"), [(c.name, c.level.upper(), c.text) for c in checks]
        )
        for name, advice in dict.fromkeys((c.name, c.do) for c in checks if c.do):
            output.line(f"{name}: → {advice}")
    else:
        found = [
            {"check": c.name, "state": c.level, "text": c.text, "do": c.do or None} for c in checks
        ]
        output.data({"checks": found}, form)
    failed = {check.name for check in checks if check.level == FAIL}
    if "credentials" in failed:
        return Exit.NOT_ALLOWED
    if "cluster" in failed:
        return Exit.UNREACHABLE
    return Exit.FAILED if failed else Exit.DONE

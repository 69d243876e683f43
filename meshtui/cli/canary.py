"""`canary`: the autopilot without a screen, a line for each interval."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meshtui.canary.events import Asked, Order
from meshtui.canary.machine import State
from meshtui.canary.plan import Plan, plans_of
from meshtui.canary.progress import Progress, document, ladder_text, line, progress_of
from meshtui.canary.stored import from_text
from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.options import options
from meshtui.cli.streams import Unwritable
from meshtui.errors import Exit, JournalError, MeshtuiError, NotAllowed, NotFound, Refused, Usage
from meshtui.journal.canaries import CanaryRow
from meshtui.mesh import read
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantity import clock_time, number_of
from meshtui.operations.canary.autopilot import Autopilot, Prepared, service_key
from meshtui.operations.canary.lease import Holder, ServiceLease, with_lease
from meshtui.operations.session import Session

_WORST_FIRST = (Exit.ROLLED_BACK, Exit.UNREACHABLE, Exit.FAILED, Exit.DONE)


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{file} cannot be read ({error})") from error


def _plans(arguments: argparse.Namespace) -> tuple[Plan, ...]:
    """Those that name no steps climb the ladder that is set in the context."""
    ladder = ",".join(f"{step:g}" for step in options(arguments).config.ladder)
    return plans_of(vars(arguments), _text_of, ladder)


async def run(arguments: argparse.Namespace) -> int:
    """From a plan to its end: 0 promoted, 6 rolled back, 1 stopped, 5 out of reach too long."""
    plans = _plans(arguments)
    async with _autopilot(arguments) as (opened, pilot):
        keys = [service_key(plan.service, opened.cluster.namespace) for plan in plans]
        again = [await _resumed(arguments, pilot, key) for key in keys]
        for text in filter(None, await opened.recover()):
            output.note(f"meshtui: {text}")
        await pilot.start()
        prepared = [
            await (
                pilot.prepare_again(key, Asked(Order.RESUME))
                if goes_on
                else pilot.prepare(plan, force=arguments.force)
            )
            for plan, key, goes_on in zip(plans, keys, again, strict=True)
        ]
        for one in prepared:
            _print_prepared(one)
        if arguments.dry_run:
            return await _judge_only(arguments, pilot, prepared)
        for one in prepared:
            if one.dangers and not arguments.force:
                what = f"the canary of {one.plan.service} cannot begin: {'; '.join(one.dangers)}"
                raise Refused(what, "nothing was written; --force accepts it")
        if not arguments.yes:
            _ask()
        return await _drive(arguments, pilot, prepared)


async def _resumed(arguments: argparse.Namespace, pilot: Autopilot, key: ServiceKey) -> bool:
    """Whether the unfinished run is gone on with; before anything of the mesh is read.

    Raises `Refused` where somebody drives one, or there is one and nothing says what to do.
    """
    await pilot.refuse_driven(key)
    try:
        stored, _ = pilot.unfinished(key)
    except NotFound:
        return False
    except MeshtuiError:
        if not arguments.force:
            raise
        return False
    if arguments.resume or arguments.force:
        return bool(arguments.resume)
    raise Refused(
        f"a canary of {key} to {stored.state.plan.version} is unfinished, "
        f"at {stored.state.rung.words}",
        f"`meshtui canary resume {key.name}` goes on, `canary abort` goes back to stable",
    )


async def steer(arguments: argparse.Namespace) -> int:
    """`hold`, `resume`, `abort` and `promote`: to whoever drives, else by this process itself."""
    order = Order(arguments.command.removeprefix("canary "))
    async with opening.session(arguments) as opened:
        key = service_key(arguments.service, opened.cluster.namespace)
        lease = ServiceLease(opened.cluster, key)
        holder = await lease.holder()
        if holder is not None and holder.live:
            await lease.order(Asked(order, getattr(arguments, "force", False)))
            with output.settled([f"{order.value}: {holder.who} has it"]):
                output.line(f"{key}: {order.value} given to {holder.who}")
            return Exit.DONE
    async with _autopilot(arguments) as (opened, pilot):
        try:
            pilot.unfinished(key)
        except NotFound:
            await opening.refuse_unknown_service(opened, arguments.service)
            raise
        if order is Order.HOLD:
            raise Refused(f"nobody drives the canary of {key}: it stays where it is already")
        force = getattr(arguments, "force", False)
        await pilot.start()
        prepared = await pilot.prepare_again(key, Asked(order, force))
        return await _drive(arguments, pilot, [prepared])


async def status(arguments: argparse.Namespace) -> int:
    """Of one service from its Lease and the journal, else of all that the journal knows."""
    async with opening.session(arguments) as opened:
        namespace = opened.cluster.namespace
        wanted = service_key(arguments.service, namespace) if arguments.service else None
        stored = opened.journal.canaries(wanted) if opened.journal else ()
        rows = {row.service: row for row in stored}
        keys = [wanted] if wanted else await _seen(opened, arguments, list(rows))
        found = [await _found(opened, key, rows.get(key)) for key in keys]
        known = [one for one in found if one is not None]
        if not known and opened.journal is None:
            whose = f" of {wanted}" if wanted else ""
            what = f"whether there is a canary{whose} is not known: {opened.journal_trouble}"
            raise JournalError(what)
        if wanted is not None and not known:
            await opening.refuse_unknown_service(opened, arguments.service)
    if wanted is not None and not known:
        raise NotFound(f"there is no canary of {wanted}", "`meshtui canary run` begins one")
    form = opening.form(arguments)
    if form != "table":
        output.data({"canaries": known}, form)
        return Exit.DONE
    if not known:
        output.note("no canary is known here; `meshtui canary run` begins one")
    for one in known:
        for text in _status_lines(one):
            output.line(text)
    return Exit.DONE


async def _seen(
    opened: Session, arguments: argparse.Namespace, own: Sequence[ServiceKey]
) -> Sequence[ServiceKey]:
    """Those of this machine's journal and those that have a Lease in the namespace.

    "No canary" is said only where the cluster was read. Raises what stands against that.
    """
    everywhere = getattr(arguments, "all_namespaces", False)
    try:
        others = await with_lease(opened.cluster, None if everywhere else opened.cluster.namespace)
    except NotAllowed as error:
        if not own:
            raise
        output.note(f"meshtui: only canaries that this machine's journal has: {error}")
        return own
    if not own and not others and getattr(arguments, "namespace", None):
        await opened.read_mesh()  # a namespace that is not there has no canary either
    return list(dict.fromkeys((*own, *others)))


async def _found(opened: Session, key: ServiceKey, row: CanaryRow | None) -> dict[str, Any] | None:
    """What the holder says where there is one, else what was written down here."""
    holder: Holder | None = await ServiceLease(opened.cluster, key).holder()
    shown: dict[str, Any] = {}
    if row is not None:
        try:
            shown = dict(document(progress_of(from_text(row.state).state, time=row.updated)))
        except MeshtuiError as error:
            shown = {"sentence": str(error), "time": row.updated}
    theirs = holder.progress if holder is not None else {}
    if read.decimal(theirs, "time") > read.decimal(shown, "time"):
        shown = dict(theirs)
    if not shown and (holder is None or not holder.live):
        return None
    live = holder is not None and holder.live
    return {
        "name": str(key),
        "driven_by": holder.who if holder and live else None,
        "since": holder.since if holder and live else None,
        **shown,
    }


def _status_lines(found: dict[str, Any]) -> list[str]:
    """As the holder wrote them: another version's words may be missing."""
    step = read.obj(found, "step")
    ended = found.get("exit") is not None
    who = found["driven_by"] or ("ended" if ended else "nobody drives it: `canary resume` goes on")
    first = f"{found['name']} {found.get('version', '')}: {step.get('words', '')} "
    lines = [f"{first}({found.get('phase', 'unknown')}), {who}"]
    if isinstance(found.get("ladder"), list):
        words = [str(one) for one in found["ladder"]]
        here = step.get("index", -1)
        lines.append("  " + " → ".join(f"[{w}]" if i == here else w for i, w in enumerate(words)))
    if found.get("sentence"):
        lines.append(f"  {found['sentence']}")
    if found.get("trouble"):
        lines.append(f"  {found['trouble']}")
    return lines


@asynccontextmanager
async def _autopilot(arguments: argparse.Namespace) -> AsyncIterator[tuple[Session, Autopilot]]:
    """Not started: what can be refused without reading the mesh is refused first."""
    async with opening.session(arguments) as opened:
        pilot = Autopilot(opened)
        try:
            yield opened, pilot
        finally:
            await pilot.close()


async def _drive(
    arguments: argparse.Namespace, pilot: Autopilot, prepared: Sequence[Prepared]
) -> int:
    show = _Shown(opening.form(arguments))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, pilot.interrupt)
    states = await pilot.run(prepared, show)
    for state in states:
        _print_end(state)
    return _exit(states)


def _exit(states: Sequence[State]) -> Exit:
    """The worst of several; what is on hold was stopped by a person."""
    found = {state.exit if state.exit is not None else Exit.FAILED for state in states}
    return next(status for status in _WORST_FIRST if status in found)


class _Shown:
    """Prints each interval. Where nobody reads any more, the run goes on all the same."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._lost = False

    def __call__(self, progress: Progress) -> None:
        if self._lost:
            return
        try:
            if self._form == "table":
                stamp = clock_time(progress.time)
                output.line(f"{stamp} {line(progress)}")
            else:
                output.record(document(progress), self._form)
            output.flush()
        except Unwritable:
            self._lost = True


def _print_prepared(one: Prepared) -> None:
    plan, progress = one.plan, progress_of(one.first[0])
    output.note(f"canary {plan.service} to {plan.version}: {ladder_text(progress)}")
    limits = plan.limits
    output.note(
        f"  {plan.every_s:g} s a step, counted every {plan.interval_s:g} s; "
        f"at most {100 * limits.errors:.3g} % errors, p99 {limits.p99_ms:g} ms, "
        f"at least {number_of(limits.requests, 'request')}"
    )
    for text in one.diff:
        output.note(text)
    for caution in one.cautions:
        output.note(f"{caution.level}: {caution.text}")


def _ask() -> None:
    if output.ask("begin? [y/N] ").lower() not in ("y", "yes"):
        raise Refused("not begun, nothing was written", "answer yes, or give --yes")


def _print_end(state: State) -> None:
    plan = state.plan
    if state.exit is None:
        output.note(
            f"meshtui: {plan.service} stays at {state.rung.words} ({state.sentence}); "
            f"`meshtui canary resume {plan.service}` goes on, `canary abort` goes back"
        )
    elif state.exit is not Exit.DONE:
        output.note(f"meshtui: {plan.service} {state.phase.value}: {state.sentence}")


async def _judge_only(
    arguments: argparse.Namespace, pilot: Autopilot, prepared: Sequence[Prepared]
) -> int:
    """One interval's verdict on what is there now; nothing is written."""
    show = _Shown(opening.form(arguments))
    for one in prepared:
        show(await pilot.judged_now(one))
    output.note("nothing was written")
    return Exit.FAILED if any(one.dangers for one in prepared) else Exit.DONE

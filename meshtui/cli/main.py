"""Where a command begins and ends: arguments in, exit status out, failures in one line."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from meshtui import children
from meshtui.cli import output, streams
from meshtui.cli.labs import share_state
from meshtui.cli.streams import Unwritable
from meshtui.errors import Exit, MeshtuiError, Usage

if TYPE_CHECKING:
    from argparse import Namespace

HIDDEN = ("__complete", "__names")
"""What the shells' completion asks: see `completion/words.py`. It has to be quick."""

INTERRUPTED = 130
PIPE_CLOSED = 141

YOUNG_OBJECTS = 50_000
"""How many objects may be new before the garbage collector looks for cycles among them.

A mesh is read into half a million objects that all stay: with Python's 700 a third of the time of
a command goes into looking at them again and again.
"""


SWITCH_S = 0.0005
"""A thread that imports lets the loop go on so often: Python's five milliseconds for each answer of
the server would be longer than the import."""


def run() -> int:
    """`main` for a process of its own, which ends at once where nothing else is under way.

    Python would take a tenth of a command's time to free, one by one, what goes with it anyway.
    """
    status = main()
    if threading.active_count() == 1:
        with suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(status)
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Data goes to stdout, everything else to stderr."""
    words = sys.argv[1:] if argv is None else argv
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_S)
    streams.occupy()
    if words and words[0] in HIDDEN:
        from meshtui.cli.completion.words import run_hidden

        return run_hidden(words)
    try:
        with _no_tracebacks(), children.ending_with_us():
            status = _run(argv)
        output.flush()
        return status
    except Unwritable as error:
        # Like other tools, silent where the reader has seen enough.
        return PIPE_CLOSED if error.hung_up else fail(error)
    except MeshtuiError as error:
        return fail(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge of the program
        from meshtui.crash import crashed

        return fail(crashed("meshtui", error))


def _run(argv: Sequence[str] | None) -> int:
    from meshtui.cli.parser import build_parser

    try:
        arguments = build_parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    except SystemExit:  # the parser's own way out: --help, or words that are wrong
        output.flush()
        raise
    _refuse_mixed(arguments)
    share_state(arguments)
    result = _started(arguments)
    return result if isinstance(result, int) else _run_loop(result)


def _started(arguments: Namespace) -> Any:
    """The command's status, or its work; in all of them where several contexts are named."""
    if getattr(arguments, "context", None):
        from meshtui.cli.clusters import contexts_of, in_clusters

        contexts = contexts_of(arguments)
        if contexts:
            return in_clusters(arguments, contexts)
    if getattr(arguments, "all_clusters", False):
        raise Usage("--all-clusters needs several contexts", "as in --context east,west")
    return arguments.run(arguments)


def _refuse_mixed(arguments: Namespace) -> None:
    """What stands in place of the screen stands alone. Raises `Usage`."""
    from meshtui.verbs.everywhere import WITHOUT_COMMAND

    given = [one.name for one in WITHOUT_COMMAND if getattr(arguments, one.attribute, None)]
    if given and arguments.command:
        raise Usage(f"--{given[0]} stands without a command", f"leave out {arguments.command}")


def _run_loop(work: Coroutine[Any, Any, int]) -> int:
    """What goes wrong beside the work is not written to stderr as a traceback."""
    import asyncio

    async def watched() -> int:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: _aside("background work", context.get("exception"))
        )
        return await work

    return int(asyncio.run(watched()))


@contextmanager
def _no_tracebacks() -> Iterator[None]:
    """What fails where nobody waits for it becomes a line and a file, too."""
    before = threading.excepthook, sys.unraisablehook
    threading.excepthook = lambda failed: _aside("a thread", failed.exc_value)
    sys.unraisablehook = lambda failed: _aside("cleaning up", failed.exc_value)
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _aside(doing: str, error: BaseException | None) -> None:
    if isinstance(error, Exception):
        from meshtui.crash import crashed

        output.note(f"meshtui: {crashed(doing, error)}")


def fail(error: MeshtuiError) -> Exit:
    """One line on stderr: what failed and what to do."""
    output.note(f"meshtui: {' '.join(str(error).split())}")
    return error.exit

"""Where a command begins and ends: arguments in, exit status out, failures in one line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence

from meshtui.cli.parser import build_parser
from meshtui.errors import Exit, MeshtuiError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Data goes to stdout, everything else to stderr."""
    arguments = build_parser().parse_args(argv)
    try:
        result = arguments.run(arguments)
        status = asyncio.run(result) if asyncio.iscoroutine(result) else result
        sys.stdout.flush()
        return int(status)
    except MeshtuiError as error:
        return fail(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the pipe is gone; Python would complain again when it flushes at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def fail(error: MeshtuiError) -> Exit:
    """One line on stderr: what failed and what to do."""
    line = " ".join(str(error).split())
    sys.stderr.write(f"meshtui: {line}\n")
    return error.exit

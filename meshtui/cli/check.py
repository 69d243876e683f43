"""`meshtui --check`: connect, one line for each thing that is wrong, and the end."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.times import iso
from meshtui.cli.screen_settings import check_lines
from meshtui.errors import Exit
from meshtui.mesh.quantity import number_of
from meshtui.operations.look.check import INFO, SEVERITIES, CheckLine, check_mesh

WINDOW_S = 5.0


async def check(arguments: argparse.Namespace) -> int:
    """Findings are data, as in `analyze`: 0 whatever is found, 5 without telemetry."""
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        sample, error = await opening.sample(opened, mesh, WINDOW_S)
        namespace = getattr(arguments, "namespace", None) or ""
        found = (
            *check_lines(opened.options),
            *await check_mesh(opened, mesh, sample, namespace),
        )
    form = opening.form(arguments)
    if form == "table":
        for line in found:
            output.line(f"{line.severity:<8} {line.about}: {line.text}")
    else:
        document = {"time": iso(time.time()), "counts": counts(found)}
        output.data({**document, "findings": [asdict(line) for line in found]}, form)
    if error:
        output.note(f"meshtui: telemetry: {error}")
    told = counts(found).items()
    words = ", ".join(f"{n} {one}" if one == INFO else number_of(n, one) for one, n in told)
    output.note(f"meshtui: {words or 'nothing is wrong'}")
    return Exit.UNREACHABLE if error else Exit.DONE


def counts(found: Iterable[CheckLine]) -> dict[str, int]:
    """By severity, the worst first; those that there are."""
    counted = Counter(line.severity for line in found)
    return {severity: counted[severity] for severity in SEVERITIES if counted[severity]}

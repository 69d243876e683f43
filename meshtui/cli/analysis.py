"""`analyze`: what is wrong with the mesh as it is written."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.errors import Exit
from meshtui.operations.garbage import uncollected

if TYPE_CHECKING:
    from meshtui.diagnosis.analysis import Finding
    from meshtui.mesh.model import Mesh
    from meshtui.operations.session import Session

_CHECKS = "meshtui.operations.look.analyze"


async def analyze(arguments: argparse.Namespace) -> int:
    """The findings in a namespace, or with `-A` in all.

    Findings are data, not a failure: the status is 0 whatever is found, and that of the failure
    where the cluster could not be read. Scripts look at `counts` in the JSON.
    """
    async with opening.session(arguments) as opened:
        mesh = await _mesh(opened)
        from meshtui.operations.look.analyze import (
            findings,
            findings_json,
            is_limitable,
            with_refused,
        )
        from meshtui.operations.look.proxy_sync import read_refusing
        from meshtui.operations.look.refused_config import read_refused

        everywhere = getattr(arguments, "all_namespaces", False)
        namespace = opened.cluster.namespace
        journal = opened.journal if is_limitable(mesh) else None
        asked = asyncio.create_task(read_refused(opened.cluster, mesh))
        await asyncio.sleep(0)
        with uncollected():
            written = findings(mesh, journal, hints=arguments.hints)
        refused = await read_refusing(opened.cluster, mesh, await asked)
        whole = with_refused(mesh, written, refused)
        found = [
            finding
            for finding in whole.findings
            if everywhere or finding.object.namespace == namespace
        ]
    form = opening.form(arguments)
    if form == "table":
        _print(found)
        for line in whole.unchecked:
            output.note(line)
        output.note(_sum(found, "any namespace" if everywhere else f"namespace {namespace}"))
    else:
        output.data(findings_json(found, whole.unchecked), form)
    return Exit.DONE


async def _mesh(opened: Session) -> Mesh:
    """All that checks it is imported while the server makes its lists."""
    reading = asyncio.create_task(opening.mesh(opened, without_istio="nothing to check"))
    try:
        await asyncio.to_thread(import_module, _CHECKS)
        return await reading
    finally:
        reading.cancel()


def _print(found: Iterable[Finding]) -> None:
    """A line that says what and where, and below it why and what to do: too much for columns."""
    for finding in found:
        codes = f"  [{', '.join((finding.code, *finding.same_as))}]"
        output.line(f"{finding.severity:<8} {finding.object}  {finding.field}{codes}")
        output.line(f"         {finding.effect}")
        output.line(f"         → {finding.advice}")


def _sum(found: list[Finding], where: str) -> str:
    if not found:
        return f"nothing found in {where}"
    levels = ("error", "warning", "info")
    counts = {level: sum(f.severity == level for f in found) for level in levels}
    counted = ", ".join(f"{number} {level}" for level, number in counts.items() if number)
    return f"{len(found)} found in {where}: {counted}"

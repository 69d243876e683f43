"""What is asked of the whole mesh, of every cluster of a group: with its name, or why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from meshtui.errors import MeshtuiError, Unreachable

if TYPE_CHECKING:
    from meshtui.operations.look.analyze import Analysis
    from meshtui.operations.look.proxy_sync import MeshSync

Read = TypeVar("Read")


async def in_each(
    asked: Mapping[str, Callable[[], Awaitable[Read]] | str],
) -> tuple[dict[str, Read], dict[str, str]]:
    """What each cluster answers, and why the others do not: known before, or found now.

    Raises `Unreachable` where none answers.
    """

    async def one(read: Callable[[], Awaitable[Read]] | str) -> Read | str:
        if isinstance(read, str):
            return read
        try:
            return await read()
        except MeshtuiError as error:
            return str(error)

    answers = await asyncio.gather(*map(one, asked.values()))
    named = list(zip(asked, answers, strict=True))
    silent = {name: answer for name, answer in named if isinstance(answer, str)}
    found = {name: answer for name, answer in named if not isinstance(answer, str)}
    if not found:
        raise Unreachable("; ".join(f"{name}: {why}" for name, why in silent.items()))
    return found, silent


def joined_sync(found: Mapping[str, MeshSync], silent: Mapping[str, str]) -> MeshSync:
    """The proxies of all clusters, each with its cluster's name."""
    from meshtui.operations.look.proxy_sync import MeshSync

    return MeshSync(
        max(one.time for one in found.values()),
        tuple(replace(row, cluster=name) for name, one in found.items() for row in one.rows),
        tuple(istiod for one in found.values() for istiod in one.istiods),
        "; ".join(f"{name}: {one.trouble}" for name, one in found.items() if one.trouble),
        silent=all(one.silent for one in found.values()),
        unread=tuple(
            f"the proxies of {name} are not known: it is out of reach: {why}"
            for name, why in silent.items()
        ),
    )


def joined_analysis(found: Mapping[str, Analysis], silent: Mapping[str, str]) -> Analysis:
    """The findings of all clusters, the worst first; what was not judged by cluster."""
    from meshtui.operations.look.analyze import Analysis

    findings = (
        replace(finding, cluster=name) for name, one in found.items() for finding in one.findings
    )
    unchecked = [f"{name}: {text}" for name, one in found.items() for text in one.unchecked]
    unreached = [
        f"{name} was not judged: it is out of reach: {why}" for name, why in silent.items()
    ]
    return Analysis(
        tuple(sorted(findings, key=lambda finding: finding.order)), (*unreached, *unchecked)
    )

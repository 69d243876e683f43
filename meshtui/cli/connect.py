"""From a command's arguments to an open session, a service's name, a telemetry reading."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from meshtui.cli import output
from meshtui.cli.options import note_left_out, options
from meshtui.cli.pages import page
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.text import clean
from meshtui.operations.session import Session

if TYPE_CHECKING:
    from meshtui.mesh.calls import Calls
    from meshtui.mesh.model import Mesh, Service, ServiceKey
    from meshtui.mesh.signals import Sample
    from meshtui.metrics.source import MetricsSource
    from meshtui.operations.one_service import Part


def form(arguments: argparse.Namespace) -> str:
    found: str = getattr(arguments, "output", "table")
    return found


@asynccontextmanager
async def session(arguments: argparse.Namespace) -> AsyncIterator[Session]:
    wanted = replace(options(arguments), terminal=True)
    note_left_out(wanted)
    async with kept.logging_in if (kept := page()) is not None else contextlib.nullcontext():
        opened = await Session.open(wanted)
    try:
        yield opened
    finally:
        await opened.close()


async def mesh(opened: Session, without_istio: str = "") -> Mesh:
    """The mesh, with a line for each problem; `without_istio`: what a cluster without it lacks."""
    found = await opened.read_mesh()
    note_problems(found, without_istio)
    return found


def note_problems(found: Mesh, without_istio: str = "") -> None:
    for problem in found.problems:
        output.note(f"meshtui: {problem}")
    if without_istio and not found.istio:
        output.note(f"meshtui: this cluster does not serve Istio's resources: {without_istio}")


_BY_URL = "meshtui.metrics.prometheus_libraries"
PROMETHEUS = "prometheus"
"""The source of a sample for which no sidecar was asked."""


async def part(opened: Session, service: str, *, journaled: bool = False) -> Part | None:
    """As much of the mesh as one service rests on; None where that is all of it. `journaled`: with
    what the journal's changes are held against.

    Where the sidecars are asked, all of them are: any of them may be a caller.
    """
    asked = opened.options.prometheus
    if not service or asked == "none":
        return None
    from meshtui.metrics.discovery import places

    if asked != "auto":
        # While the server makes its lists: it takes as long as decoding them.
        Thread(target=import_module, args=(_BY_URL,), daemon=True).start()

    def enough(mesh: Mesh) -> bool:
        return asked != "auto" or bool(places(mesh))

    return await opened.read_part(service, enough, journaled=journaled)


def suits_part(opened: Session, sample: Sample | None) -> bool:
    """Whether a sample, or that there is none, would be the same with the whole mesh."""
    by_prometheus = sample is not None and sample.source == PROMETHEUS
    return opened.options.prometheus != "auto" or by_prometheus


def find(mesh: Mesh, name: str, namespace: str) -> Service:
    from meshtui.changes.locate import resolve_service

    return resolve_service(mesh, name, namespace)


async def refuse_unknown_service(opened: Session, name: str) -> None:
    """Raises `NotFound` with the nearest names where the mesh has no such service.

    Asked where nothing is known of it; who may not read the mesh is not refused.
    """
    try:
        mesh = await opened.read_mesh()
        find(mesh, name, opened.cluster.namespace)
    except NotFound:
        raise
    except MeshtuiError:
        return


def key_of(name: str, namespace: str) -> ServiceKey:
    """`reviews`, `reviews.namespace` or a full host, without asking a cluster."""
    from meshtui.mesh.hosts import split_host
    from meshtui.mesh.model import ServiceKey

    short, _, other = name.partition(".")
    return split_host(name) or ServiceKey(other or namespace, short)


Enough = Callable[["Sample"], bool]
"""Whether a window need not go on to its end."""

EARLIER = (0.25, 0.5)
"""Parts of the window after which it is looked whether that is enough."""


async def sample(
    opened: Session,
    mesh: Mesh,
    window_s: float,
    enough: Enough | None = None,
    about: ServiceKey | None = None,
) -> tuple[Sample | None, MeshtuiError | None]:
    """Golden signals, or why there are none; `about` is the service that they are wanted for.

    Sidecars are read twice, `window_s` seconds apart (0: once, for who calls whom), or less where
    what was seen by then is `enough`; a Prometheus knows the past.
    """
    source = _source(opened, mesh, about)
    try:
        return await _sampled(source, mesh, window_s, enough), None
    except MeshtuiError as error:
        return None, error
    finally:
        await source.close()


def _source(opened: Session, mesh: Mesh, about: ServiceKey | None = None) -> MetricsSource:
    """What is asked for golden signals: about one service no more than tells of it."""
    from meshtui.metrics.choose import source_for
    from meshtui.metrics.source import FocusedSource
    from meshtui.operations.look.refused_tokens import LoggedTokens

    cluster, options = opened.cluster, opened.options
    source = source_for(cluster, options.prometheus, options.access, LoggedTokens(cluster))
    if about is not None and isinstance(source, FocusedSource) and about in mesh.by_key:
        from meshtui.metrics.focus import services_about

        source.focus(services_about(mesh, mesh.by_key[about]))
    return source


async def sample_and_hour(
    opened: Session, mesh: Mesh, window_s: float, about: ServiceKey | None = None
) -> tuple[Sample | None, Sample | None, MeshtuiError | None]:
    """Golden signals with the times of the hour before, where the source remembers them."""
    from meshtui.metrics.source import HourSource

    source = _source(opened, mesh, about)
    try:
        found = await _sampled(source, mesh, window_s, None)
        before = None
        if isinstance(source, HourSource):
            with contextlib.suppress(MeshtuiError):
                before = await source.hour_before()
        return found, before, None
    except MeshtuiError as error:
        return None, None, error
    finally:
        await source.close()


async def sample_and_calls(
    opened: Session, mesh: Mesh, window_s: float
) -> tuple[Sample | None, Calls | None, MeshtuiError | None]:
    """Golden signals and who called whom in the same window, or why there is not both."""
    from meshtui.operations.look.telemetry import calls_of

    source = _source(opened, mesh)
    found = None
    try:
        found = await _sampled(source, mesh, window_s, None)
        return found, await calls_of(source, mesh), None
    except MeshtuiError as error:
        return found, None, error
    finally:
        await source.close()


async def _sampled(
    source: MetricsSource, mesh: Mesh, window_s: float, enough: Enough | None
) -> Sample:
    found = await source.sample(mesh)
    if window_s > 0 and found.window_s <= 0 and found.read:
        return await _over(source, mesh, window_s, enough)
    return found


async def _over(
    source: MetricsSource, mesh: Mesh, window_s: float, enough: Enough | None
) -> Sample:
    """What was counted since a first reading, over the window or what is enough of it."""
    begun = time.monotonic()
    for part in EARLIER if enough is not None else ():
        await asyncio.sleep(begun + window_s * part - time.monotonic())
        found = await source.sample(mesh)
        if enough is not None and enough(found):
            return found
    await asyncio.sleep(begun + window_s - time.monotonic())
    return await source.sample(mesh)


READING_S = 4.0
"""How long the two readings themselves may take, beside the window between them."""


async def reading(
    opened: Session,
    mesh: Mesh,
    window_s: float,
    enough: Enough | None = None,
    about: ServiceKey | None = None,
) -> Sample | None:
    """Golden signals to plan on; None where there are none in time, and a line says why."""
    try:
        async with asyncio.timeout(window_s + READING_S):
            found, error = await sample(opened, mesh, window_s, enough, about)
    except TimeoutError:
        found, error = None, None
        output.note(f"meshtui: telemetry: no answer in {window_s + READING_S:g} s")
    if error is not None:
        output.note(f"meshtui: telemetry: {clean(str(error))}")
    return found

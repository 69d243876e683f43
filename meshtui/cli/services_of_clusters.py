"""`services` in several clusters: one table, and the sums of the services that are the same."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.clusters import Answer, each, note_errors, status_of
from meshtui.cli.documents.clusters import clusters_json
from meshtui.cli.services import HEADER, Looked, look, note_side, service_rows, signal_cells
from meshtui.errors import Exit, NotFound
from meshtui.mesh.clusters import ClusterReading, ServiceSum, VersionSum, sums
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.view import ServiceView


async def services(arguments: argparse.Namespace, contexts: Sequence[str]) -> int:
    """A cluster out of reach is a row that says so, and the status is 5."""
    answers = await each(arguments, contexts, look)
    if not any(one.found for one in answers) and all(one.error for one in answers):
        note_errors(answers)
        return status_of(answers, _status)
    readings = [_reading(one) for one in answers]
    form = opening.form(arguments)
    if form == "table":
        note_side(arguments)
        _table(answers, sums([_listed(one) for one in answers]))
    else:
        samples = {one.name: one.found.sample if one.found else None for one in answers}
        output.data(clusters_json(time.time(), readings, samples, sums(readings)), form)
    for one in answers:
        for problem in one.found.problems if one.found else ():
            output.note(f"meshtui: {one.name}: telemetry: {problem}")
    note_errors(answers)
    return status_of(answers, _status)


def _status(found: Looked) -> int:
    return Exit.UNREACHABLE if found.error else Exit.DONE


def _reading(answer: Answer[Looked], views: Iterable[ServiceView] | None = None) -> ClusterReading:
    found = answer.found
    if found is None:
        absent = isinstance(answer.error, NotFound)
        return ClusterReading(answer.name, unread="" if absent else str(answer.error))
    return ClusterReading(
        answer.name,
        tuple(found.views if views is None else views),
        found.sample.window_s if found.sample else 0.0,
        unmeasured="; ".join(found.problems),
    )


def _listed(answer: Answer[Looked]) -> ClusterReading:
    return _reading(answer, answer.found.listed if answer.found else None)


def _table(answers: Sequence[Answer[Looked]], added: Sequence[ServiceSum]) -> None:
    """Each service with its clusters below each other; what could not be read comes last."""
    rows: list[tuple[str, ...]] = []
    everywhere = any(one.found.everywhere for one in answers if one.found)
    places: dict[ServiceKey, list[tuple[str, ServiceView]]] = {}
    for one in answers:
        for view in one.found.listed if one.found else ():
            places.setdefault(view.key, []).append((one.name, view))
    spaces = everywhere or len({key.namespace for key in places}) > 1
    several = {one.key: one for one in added if len(one.clusters) > 1}
    for key in sorted(places, key=lambda key: (key.name, key.namespace)):
        name = str(key) if spaces else key.name
        if key in several:
            rows += _sum_rows(several[key], name)
        for cluster, view in places[key]:
            rows += [(cluster, *row) for row in service_rows(view, name)]
    for one in answers:
        if one.error is not None and not isinstance(one.error, NotFound):
            numbers = ["?"] * (len(HEADER) - 3)
            rows.append((one.name, "?", *numbers, "unknown", f"({one.error.what})"))
    output.table(("CLUSTER", *HEADER), rows, right=range(3, 11))


def _sum_rows(found: ServiceSum, name: str) -> list[tuple[str, ...]]:
    """The service in all its clusters, and what of that is each version's."""
    where = f"{len(found.clusters)} clusters"
    because = f"({found.because})" if found.because else ""
    state = "unknown" if found.signals is None else ""
    pods = _pods(found.versions)
    rows = [(where, name, "all", "", "", *signal_cells(found.signals), pods, state, because)]
    for version in found.versions if len(found.versions) > 1 else ():
        cells = *signal_cells(version.signals), _pods([version])
        rows.append((where, "", version.version, "", "", *cells, "", ""))
    return rows


def _pods(versions: Sequence[VersionSum]) -> str:
    ready = [one.pods_ready for one in versions if one.pods_ready is not None]
    pods = [one.pods for one in versions if one.pods is not None]
    return f"{sum(ready)}/{sum(pods)}" if len(pods) == len(versions) else "?"

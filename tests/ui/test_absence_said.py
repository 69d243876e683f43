"""What a command says of what is not known, its pane says too, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from meshtui.cli import exposure, pods, services, status
from meshtui.cli.logprint import LogPrinter, Printing
from meshtui.diagnosis.proxy_sync import ProxyAnswer, SyncFacts, proxy_rows
from meshtui.envoy.logfilter import LogFilter
from meshtui.envoy.logstore import LogStore
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.service_limits import exposed
from meshtui.mesh.view import service_views
from meshtui.operations.look.proxy_sync import MeshSync
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.exposuretext import exposure_lines
from meshtui.ui.panes.logs.feed import read
from meshtui.ui.panes.logs.text import summary_lines
from meshtui.ui.panes.podstext import pods_lines
from meshtui.ui.panes.statustext import status_lines
from meshtui.ui.table.marks import version_marks
from meshtui.ui.widgets.paint import Line
from tests.ui import bookinfo

NOW, WIDTH = 1_000.0, 157
KEY = ServiceKey("bookinfo", "reviews")


def words(lines: Iterable[Line]) -> str:
    return " ".join(" ".join(piece.text for piece in line) for line in lines)


def mesh_of() -> Mesh:
    return bookinfo.mesh_of(bookinfo.objects())


def unread_sync(mesh: Mesh) -> MeshSync:
    answers = {(p.namespace, p.name): ProxyAnswer(trouble="you may not") for p in mesh.pods}
    facts = SyncFacts(istiod_trouble="it wants a token", answers=answers)
    return MeshSync(NOW, proxy_rows(mesh.pods, facts, NOW), trouble=facts.istiod_trouble)


def of_status() -> str:
    found = unread_sync(mesh_of())
    status._notes(found)
    return words(status_lines(found, "", WIDTH))


def of_pods() -> str:
    mesh = mesh_of()
    found = unread_sync(mesh)
    pods._notes(mesh.pods, found)
    return words(pods_lines(mesh.pods, mesh, found, NOW, WIDTH))


def of_logs() -> str:
    entries = [
        LogEntry("bookinfo", "reviews-1", "v1", "POST /a gave 503 in 3"),
        LogEntry("bookinfo", "page-1", "page", "code=503 GET 12", nameless=True),
        LogEntry("bookinfo", "page-1", "page", "code=200 GET 12", nameless=True),
    ]
    printer, store = LogPrinter(Printing(LogFilter())), LogStore()
    for entry in entries:
        printer.take(entry)
        store.add([read(entry)])
    printer.end()
    return words(summary_lines(store, WIDTH, True, True))


def of_exposure() -> str:
    mesh = replace(mesh_of(), partial={"gateways": frozenset(), "envoyfilters": frozenset()})
    found = replace(exposed(mesh, mesh.by_key[KEY], None), doors=())
    exposure._show(found, [])
    return words(exposure_lines(found, {}, WIDTH, asked=True))


def of_services() -> str:
    (view,) = (v for v in service_views(mesh_of(), None) if v.key == KEY)
    row = replace(
        view.versions[0],
        unknown_because="its callers could not be read",
        undecided="401s may be by RequestAuthentication jwt: not allowed",
    )
    print(services._reasons(row))
    return words([version_marks(row)])


CASES: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "status": (of_status, ("istiod's own account of its proxies is not known: it wants a token",)),
    "pods": (of_pods, ("istiod's own account of its proxies is not known: it wants a token",)),
    "logs": (
        of_logs,
        (
            "1 line is in a format that is not known",
            "2 lines of callers left out, with no service's name",
        ),
    ),
    "exposure": (of_exposure, ("not read everywhere: gateways, envoyfilters",)),
    "services": (
        of_services,
        (
            "its callers could not be read",
            "401s may be by RequestAuthentication jwt: not allowed",
        ),
    ),
}


@pytest.mark.parametrize("command", CASES)
def test_what_a_command_says_of_absence_its_pane_says_too(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, sentences = CASES[command]
    shown = " ".join(make().split())
    out, err = capsys.readouterr()
    said = " ".join(f"{out} {err}".split())
    for sentence in sentences:
        assert sentence in said
        assert sentence in shown

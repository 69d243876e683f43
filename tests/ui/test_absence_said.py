"""What a command says of what is not known, its pane says too, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from meshtui.cli import exposure, pods, services, status
from meshtui.cli.documents.graph import graph_json
from meshtui.cli.documents.trace import traced_json
from meshtui.cli.logprint import LogPrinter, Printing
from meshtui.cli.proxies import _diff_json as diff_json
from meshtui.cli.proxies import _notes as proxies_notes
from meshtui.cli.proxies import _table as proxies_table
from meshtui.cli.trace import _notes as trace_notes
from meshtui.diagnosis.proxy_sync import ProxyAnswer, SyncFacts, proxy_rows
from meshtui.envoy.logfilter import LogFilter
from meshtui.envoy.logstore import LogStore
from meshtui.mesh.absence import KINDS, unread_words
from meshtui.mesh.graph import CallGraph
from meshtui.mesh.model import Mesh, Service, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.service_limits import exposed
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import service_views
from meshtui.operations.canary.watching import CanaryRun
from meshtui.operations.look.proxy_sync import MeshSync
from meshtui.operations.look.trace import Question, Traced, by_objects
from meshtui.operations.proxies.matrix import matrix_of
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.canarytext import canary_lines
from meshtui.ui.panes.exposuretext import exposure_lines
from meshtui.ui.panes.graphedges import Drawing
from meshtui.ui.panes.graphtext import graph_lines
from meshtui.ui.panes.logs.feed import read
from meshtui.ui.panes.logs.text import summary_lines
from meshtui.ui.panes.podstext import pods_lines
from meshtui.ui.panes.proxies.matrix import matrix_lines
from meshtui.ui.panes.statustext import status_lines
from meshtui.ui.panes.tracetext import trace_lines
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


def test_lines_that_are_not_in_their_place_are_counted_while_they_are_kept() -> None:
    late = replace(LogEntry("bookinfo", "reviews-1", "v1", "GET /a"), late=True)
    store = LogStore(retained=2)
    store.add([read(late)] * 3)
    told = words(summary_lines(store, WIDTH, False, False))
    assert "2 lines came too late to stand at their time" in told
    store.add([read(LogEntry("bookinfo", "reviews-1", "v1", "GET /a"))] * 2)
    assert store.late == 0 and "too late" not in words(summary_lines(store, WIDTH, False, False))


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


# Every view whose objects a server keeps back, kind by kind


def without(kind: str) -> Mesh:
    """The server answers 403 to the lists of a kind."""
    return parse_mesh({**bookinfo.objects(), kind: []}, partial={kind: frozenset()})


def service_in(mesh: Mesh) -> Service:
    """Also where no Services are read: the name is the person's."""
    return mesh.by_key.get(KEY) or Service(KEY, "reviews.bookinfo.svc.cluster.local")


def graph_seen(mesh: Mesh) -> tuple[str, list[str]]:
    sample = bookinfo.sample(mesh_of(), 1.0)
    drawn = CallGraph(mesh, service_views(mesh, sample), None, sample, Thresholds())
    found = drawn.neighbourhood(KEY)
    lines = graph_lines(found, Drawing(WIDTH))
    document = graph_json(NOW, sample, found.callees, found.unread)
    return words(picked.line for picked in lines), document["unread"]


def trace_seen(mesh: Mesh) -> tuple[str, list[str]]:
    question = Question(service_in(mesh), Request())
    seen = by_objects(mesh, question, None)
    traced = Traced((seen,), unread=unread_words(mesh, KEY.namespace))
    trace_notes(traced)
    return words(trace_lines(traced, WIDTH)), traced_json(traced)["unread"]


def proxies_seen(mesh: Mesh) -> tuple[str, list[str]]:
    found = matrix_of(mesh, service_in(mesh), bookinfo.sample(mesh_of(), 1.0))
    proxies_table(found, [])
    proxies_notes(found)
    lines = matrix_lines(found, {}, "", NOW, WIDTH)
    return words(picked.line for picked in lines), diff_json(found, [])["unread"]


SEEN: dict[str, Callable[[Mesh], tuple[str, list[str]]]] = {
    "graph": graph_seen,
    "trace": trace_seen,
    "proxies": proxies_seen,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", SEEN)
def test_a_kind_that_answers_403_is_named_with_what_is_not_known(
    view: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = without(kind)
    (sentence,) = unread_words(mesh, KEY.namespace)
    shown, document = SEEN[view](mesh)
    said = " ".join(capsys.readouterr().err.split())
    assert sentence in " ".join(shown.split())
    assert document == [sentence]
    assert view == "graph" or sentence in said
    assert "no rule to compare with" not in f"{shown} {said}"


@pytest.mark.parametrize("view", SEEN)
def test_where_everything_is_read_nothing_is_said_of_it(view: str) -> None:
    shown, document = SEEN[view](mesh_of())
    assert "can't be read" not in shown
    assert document == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_calls_nothing_missing_that_was_not_read(kind: str) -> None:
    mesh = without(kind)
    seen = by_objects(mesh, Question(service_in(mesh), Request()), None)
    said = " ".join(words(trace_lines(Traced((seen,)), WIDTH)).split())
    assert "no cluster in the proxy (NC)" not in said
    assert "no endpoint (UH)" not in said
    if kind == "destinationrules":
        of_v1 = "whether v1 has a cluster in the proxy is not known: the DestinationRules"
        assert any(note.startswith(of_v1) for note in seen.intent.notes)


def test_a_canary_that_nobody_could_look_for_is_not_known() -> None:
    run = CanaryRun(KEY, trouble="you may not get leases; the journal is locked")
    shown = words(canary_lines(run, NOW, WIDTH))
    assert "whether there is a canary of reviews is not known" in shown
    assert "you may not get leases; the journal is locked" in shown
    assert "no canary of reviews is known" in words(canary_lines(CanaryRun(KEY), NOW, WIDTH))

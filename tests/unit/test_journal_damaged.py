"""One row that cannot be read stops nothing else: every column, every wrong value, every use."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Promote, Rollback, SetFault, Shift, Target
from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.errors import JournalError, MeshtuiError
from meshtui.journal import Journal, Unread
from meshtui.mesh.model import ServiceKey
from meshtui.operations import live
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.look.doctor import examine, limit_checks
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.unit.damaged import BY_HAND, COLUMNS, VALUES, spoil
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.fake_feed import Blind, Watched
from tests.unit.objects import route

REVIEWS = ServiceKey("default", "reviews")
RULE = {"route": [route("v1", 90), route("v2", 10)]}
WRONG = {**VALUES, "no-utf8": BY_HAND}


class Home:
    """Three changes in a journal: a shift, a fault whose time is over, a promotion."""

    def __init__(self, folder: Path) -> None:
        self.cluster = FakeCluster(routed(RULE), policy("v1", "v2", "v3"))
        self.ids: list[str] = []
        self.path = folder

    async def fill(self) -> None:
        opened = self.open()
        assert opened.journal is not None
        opened.journal._clock = lambda: 1_000.0
        fault = SetFault(abort_http=503, abort_percent=10, expires_s=60)
        for request in (Shift({"v2": 30}), fault, Promote("v1")):
            mesh = mesh_of(self.cluster)
            plan = await opened.plan(mesh, request, Target(REVIEWS), None)
            outcome = await opened.apply(plan, mesh, None, lambda _: None)
            self.ids.append(outcome.change_id)
        self.path = opened.journal.path
        await opened.close()

    def open(self) -> Session:
        opened = session(self.cluster)

        async def read_mesh() -> Any:
            return mesh_of(self.cluster)

        opened.read_mesh = read_mesh  # type: ignore[method-assign]
        return opened


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = Home(tmp_path)
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "kubeconfig", found.cluster.server))
    await found.fill()
    shutil.copy(found.path, tmp_path / "whole")

    @asynccontextmanager
    async def opened(_: Any) -> AsyncIterator[Session]:
        session = found.open()
        try:
            yield session
        finally:
            await session.close()

    monkeypatch.setattr(opening, "session", opened)
    return found


def kubeconfig(path: Path, server: str) -> str:
    """For `journal`, which needs no more than which cluster it is."""
    cluster = {"name": "c", "cluster": {"server": server}}
    contexts = [{"name": "c", "context": {"cluster": "c"}}]
    path.write_text(
        json.dumps({"clusters": [cluster], "contexts": contexts, "current-context": "c"})
    )
    return str(path)


async def used(home: Home) -> None:
    """Every use that the screen and the operations make of the journal."""
    opened = home.open()
    journal = opened.journal
    assert journal is not None
    mesh = mesh_of(home.cluster)
    rows = journal.listing(limit=1000)
    assert len(rows) == 3
    journal.made(REVIEWS, 0.0)
    journal.limited()
    await opened.recover()
    limits = Limits(opened)
    limits.pending(mesh)
    limits.notices()
    for change_id in ("", *home.ids):
        try:
            await opened.plan_undo(mesh, change_id, None)
        except MeshtuiError as error:
            assert "\n" not in str(error)
    plan = await opened.plan(mesh, Rollback(), Target(REVIEWS), None)
    assert plan.change.after["destinations"]
    await limits.end_overdue(mesh)
    await opened.close()


@pytest.fixture
def starting(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets doctor and the screen run on `home`; what background work raises is collected."""
    raised: list[str] = []

    def crashed(doing: str, error: BaseException) -> MeshtuiError:
        raised.append(f"{doing}: {error!r}")
        return MeshtuiError(doing)

    async def opened(_: Options) -> Session:
        return home.open()

    monkeypatch.setattr(live, "crashed", crashed)
    monkeypatch.setattr(live, "AHEAD", ())
    monkeypatch.setattr(Session, "open", opened)
    monkeypatch.setattr("meshtui.kube.feed.Feed", Watched)
    monkeypatch.setattr("meshtui.metrics.choose.source_for", lambda *_: Blind())
    home.cluster.objects["/version"] = {"kind": "VirtualService", "gitVersion": "v1.36.0"}
    return raised


async def examined(home: Home) -> None:
    """What `meshtui doctor` looks at."""
    opened = home.open()
    checks = {check.name: check async for check in examine(opened)}
    assert {"journal", "mesh"} <= checks.keys()
    assert all("\n" not in check.text for check in checks.values())
    await opened.close()


async def started(home: Home) -> None:
    """The screen's start: the first round of all that runs behind it, and what it asks for."""
    cockpit = live.LiveCockpit(Options(verify=False))
    await cockpit.connect()
    async with aclosing(cockpit.snapshots()) as snapshots:
        await anext(snapshots)
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        snapshot = await anext(snapshots)
    assert [view.key for view in snapshot.views] == [REVIEWS]
    assert len(cockpit.journal()) >= 3, "what is overdue was undone, which adds one"
    cockpit.journal(REVIEWS)
    cockpit.pending()
    await cockpit.close()


ROUNDS = 50
"""Turns of the loop in which every task behind the screen has had its first look."""


@pytest.mark.parametrize("column", COLUMNS)
async def test_doctor_and_the_screen_start_whatever_a_row_holds(
    home: Home, starting: list[str], column: str, tmp_path: Path
) -> None:
    """Every second value, and the others for the columns beside it."""
    first = COLUMNS.index(column)
    for number, (name, value) in list(enumerate(WRONG.items(), start=first))[first % 2 :: 2]:
        shutil.copy(tmp_path / "whole", home.path)
        spoil(home.path, home.ids[number % len(home.ids)], column, value)
        try:
            await examined(home)
            await started(home)
        except (MeshtuiError, AssertionError) as error:
            pytest.fail(f"{column} = {name}: {error!r}")
        assert starting == [], f"{column} = {name}"


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_row_that_cannot_be_read_stops_nothing(
    home: Home, column: str, tmp_path: Path
) -> None:
    first = COLUMNS.index(column)
    for number, (name, value) in enumerate(WRONG.items(), start=first):
        shutil.copy(tmp_path / "whole", home.path)
        spoil(home.path, home.ids[number % len(home.ids)], column, value)
        try:
            await used(home)
        except (MeshtuiError, AssertionError) as error:
            pytest.fail(f"{column} = {name}: {error!r}")


COMMANDS = (
    ("journal",),
    ("journal", "-o", "json"),
    ("journal", "reviews"),
    ("keep", "--once"),
    ("undo", "--dry-run"),
    ("rollback", "reviews", "--yes", "--force", "--no-verify"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "word"), ("rule", "rule-of-tomorrow"), ("patch", "json-half"), ("pid", "huge")],
)
def test_the_commands_go_on(
    home: Home,
    words: tuple[str, ...],
    column: str,
    value: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(home.path, home.ids[2], column, WRONG[value])
    status = main(list(words))
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert status == 0 or words[0] == "undo"
    if words[0] == "journal" and "json" not in words:
        assert "1 entry" in told.err
    if words[0] == "rollback":
        assert "is not counted" in told.err


def test_what_cannot_be_read_is_said_with_its_reason(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(home.path, home.ids[2], "status", "paused")
    assert main(["journal"]) == 0
    out, err = capsys.readouterr()
    assert "newer version" in out and "1 entry of a newer version" in err
    assert main(["journal", "-o", "json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert "'paused'" in changes[0]["unread"] and changes[0]["status"] == "paused"
    assert changes[1]["unread"] is None
    assert changes[0].keys() == changes[1].keys()


async def test_undo_names_the_last_that_can_be_read_and_takes_it_back(home: Home) -> None:
    spoil(home.path, home.ids[2], "status", "paused")
    opened = home.open()
    with pytest.raises(JournalError, match=f"meshtui undo {home.ids[1]}"):
        await opened.plan_undo(mesh_of(home.cluster), "", None)
    plan = await opened.plan_undo(mesh_of(home.cluster), home.ids[1], None)
    assert plan.change.undoes == home.ids[1]


async def test_a_rollback_says_what_it_could_not_count(home: Home) -> None:
    spoil(home.path, home.ids[0], "rule", VALUES["rule-of-tomorrow"])
    opened = home.open()
    plan = await opened.plan(mesh_of(home.cluster), Rollback(), Target(REVIEWS), None)
    assert any("1 entry of a newer version" in text for text in plan.warnings)


async def test_a_row_that_cannot_be_read_may_be_an_overdue_fault_and_that_is_said(
    home: Home,
) -> None:
    spoil(home.path, home.ids[1], "status", "paused")
    opened = home.open()
    (notice,) = Limits(opened).notices(mesh_of(home.cluster))
    assert notice.startswith(f"OVERDUE, it may be: fault reviews.default {home.ids[1]} cannot be")
    found = await limit_checks(opened, mesh_of(home.cluster))
    assert [check.level for check in found] == ["fail"]


def spoiled_file(how: str) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def scribbled(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\x00" * (len(raw) - 4096)
        path.write_bytes(raw)

    def text(path: Path) -> None:
        path.write_bytes(b"no database" * 1000)

    return {"cut": cut, "scribbled": scribbled, "text": text}[how]


@pytest.mark.parametrize("how", ["cut", "scribbled", "text"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_file_that_is_damaged_is_said_in_a_line_and_stops_no_rollback(
    home: Home, how: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled_file(how)(home.path)
    status = main(list(words))
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert status == (0 if words[0] == "rollback" else 1)
    assert "journal" in told.err
    if words[0] == "rollback":
        assert home.cluster.spec()["http"][0]["route"][0]["weight"] == 100


def test_rows_are_decoded_one_by_one(home: Home) -> None:
    spoil(home.path, home.ids[1], "patch", "{")
    kinds = [isinstance(row, Unread) for row in Journal(home.path).listing()]
    assert kinds == [False, True, False]

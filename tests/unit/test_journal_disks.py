"""Journals of newer versions, and disks that say no: what can be read is read, rollback goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from meshtui.changes.change import Rollback, SetFault, Shift, Target
from meshtui.errors import JournalError
from meshtui.journal import Journal, file
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.session import Session
from tests.unit.damaged import VALUES
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import route

REVIEWS = ServiceKey("default", "reviews")
RULE = {"route": [route("v1", 90), route("v2", 10)]}
FAULT = SetFault(abort_http=503, abort_percent=10, expires_s=60)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(file, "BUSY_TIMEOUT_S", 0.01)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(routed(RULE), policy("v1", "v2", "v3"))


async def make(opened: Session, cluster: FakeCluster, *requests: object) -> tuple[str, ...]:
    """Makes the changes; gives what the last one's outcome warns of."""
    warnings: tuple[str, ...] = ()
    for request in requests:
        mesh = mesh_of(cluster)
        plan = await opened.plan(mesh, request, Target(REVIEWS), None)  # type: ignore[arg-type]
        outcome = await opened.apply(plan, mesh, None, lambda _: None)
        warnings = (*plan.warnings, *outcome.warnings)
    return warnings


async def history(cluster: FakeCluster) -> Path:
    """The journal of a shift, closed."""
    opened = session(cluster)
    assert opened.journal is not None
    await make(opened, cluster, Shift({"v2": 30}))
    await opened.close()
    return opened.journal.path


def run(path: Path, script: str) -> None:
    with sqlite3.connect(path) as other:
        other.executescript(script)
    other.close()


async def test_a_file_that_has_more_than_this_version_knows_is_read_and_written(
    cluster: FakeCluster,
) -> None:
    path = await history(cluster)
    run(
        path,
        "ALTER TABLE changes ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'; "
        "ALTER TABLE limits ADD COLUMN mood TEXT; CREATE TABLE moods (id); "
        "PRAGMA user_version = 999;",
    )
    opened = session(cluster)
    assert await make(opened, cluster, FAULT) == ()
    assert opened.journal is not None
    assert [entry.verb for entry in opened.journal.entries()] == ["fault", "shift"]
    (version,) = sqlite3.connect(path).execute("PRAGMA user_version").fetchone()
    assert version == 999


async def test_a_file_of_another_generation_is_only_read(cluster: FakeCluster) -> None:
    path = await history(cluster)
    run(path, "PRAGMA user_version = 1000;")
    before = path.read_bytes()
    opened = session(cluster)
    assert opened.journal is not None
    assert [entry.verb for entry in opened.journal.entries()] == ["shift"]
    assert "newer meshtui" in opened.journal.only_read
    with pytest.raises(JournalError, match="newer meshtui"):
        await make(opened, cluster, Shift({"v2": 40}))
    warnings = await make(opened, cluster, Rollback())
    assert any("not in the journal" in text for text in warnings)
    assert cluster.spec()["http"][0]["route"][0]["weight"] == 100
    assert path.read_bytes() == before


async def test_a_file_of_another_generation_without_the_tables_stops_no_rollback(
    cluster: FakeCluster,
) -> None:
    path = await history(cluster)
    run(path, "DROP TABLE changes; DROP TABLE limits; PRAGMA user_version = 2000;")
    opened = session(cluster)
    warnings = await make(opened, cluster, Rollback("v1"))
    assert any("not in the journal" in text for text in warnings)
    assert (await opened.recover(), Limits(opened).pending()) == ((), ())


def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file.os, "open", refuse)


async def test_a_folder_that_cannot_be_written_still_tells_what_was_done(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await history(cluster)
    unwritable(monkeypatch)
    opened = session(cluster)
    assert opened.journal is not None
    assert [entry.verb for entry in opened.journal.entries()] == ["shift"]
    assert "Permission denied" in opened.journal.only_read
    plan = await opened.plan(mesh_of(cluster), Rollback(), Target(REVIEWS), None)
    assert not any("changes are not known" in text for text in plan.warnings)
    with pytest.raises(JournalError, match="Permission denied"):
        await make(opened, cluster, Shift({"v2": 40}))
    assert any("not in the journal" in text for text in await make(opened, cluster, Rollback()))


async def test_a_folder_that_cannot_be_written_and_has_no_journal_is_said(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable(monkeypatch)
    opened = session(cluster)
    assert (opened.journal, "Permission denied" in opened.journal_trouble) == (None, True)
    assert any("not in the journal" in text for text in await make(opened, cluster, Rollback("v1")))


async def test_a_full_disk_stops_everything_but_a_rollback(cluster: FakeCluster) -> None:
    await history(cluster)
    opened = session(cluster)
    assert opened.journal is not None
    opened.journal._file._connection.execute("PRAGMA max_page_count = 1")
    writes = len(cluster.writes)
    with pytest.raises(JournalError, match="full"):
        for percent in range(1, 99):
            await make(opened, cluster, Shift({"v2": percent}))
    left = len(cluster.writes)
    warnings = await make(opened, cluster, Rollback("v1"))
    assert any("full" in text for text in warnings)
    assert writes <= left < len(cluster.writes)


async def test_a_file_that_is_locked_stops_everything_but_a_rollback(cluster: FakeCluster) -> None:
    path = await history(cluster)
    opened = session(cluster)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        await make(opened, cluster, Shift({"v2": 40}))
    assert any("locked" in text for text in await make(opened, cluster, Rollback("v1")))
    other.execute("ROLLBACK")
    assert await make(opened, cluster, Shift({"v2": 40})) == ()


LIMIT_COLUMNS = (
    *("change_id", "maker", "kind", "namespace", "name", "uid", "protocol", "rule", "number"),
    *("effect", "mirror_to", "was", "left_as", "ends", "opened", "closed", "closed_by"),
    *("next_try", "tried_by"),
)


@pytest.mark.parametrize("column", LIMIT_COLUMNS)
async def test_a_time_limit_that_cannot_be_read_stops_nothing(
    cluster: FakeCluster, column: str
) -> None:
    for name in (
        "null",
        "word",
        "negative",
        "huge",
        "infinite",
        "blob",
        "json-list",
        "rule-beyond",
    ):
        value = VALUES[name]
        cluster.put(routed(RULE))
        opened = session(cluster)
        journal = opened.journal
        assert journal is not None
        await make(opened, cluster, FAULT)
        loose(journal, column, value)
        keeper = Limits(opened, clock=lambda: 1e12)
        try:
            await keeper.close_what_is_gone(mesh_of(cluster))
            await keeper.end_overdue(mesh_of(cluster))
            keeper.notices(mesh_of(cluster))
            await make(opened, cluster, Rollback("v1"))
        except (JournalError, AssertionError) as error:
            pytest.fail(f"{column} = {name}: {error!r}")
        assert "fault" not in cluster.spec()["http"][0]
        await opened.close()
        for found in journal.path.parent.iterdir():
            found.unlink()


def loose(journal: Journal, column: str, value: object) -> None:
    """Puts `value` into every limit, whatever the table's constraints say."""
    connection = journal._file._connection
    names = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(limits)"))
    statements: tuple[Callable[[], object], ...] = (
        lambda: connection.execute(f"CREATE TABLE loose ({names})"),
        lambda: connection.execute("INSERT INTO loose SELECT * FROM limits"),
        lambda: connection.execute("DROP TABLE limits"),
        lambda: connection.execute("ALTER TABLE loose RENAME TO limits"),
        lambda: connection.execute(f"UPDATE limits SET {column} = ?", (value,)),
        connection.commit,
    )
    for statement in statements:
        statement()

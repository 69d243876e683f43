from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Change, SetFault, Shift, Target
from meshtui.errors import JournalError, NotFound
from meshtui.journal import Journal, Status, whole_id
from meshtui.journal.file import journal_path
from meshtui.journal.schema import FIRST
from meshtui.mesh.model import ServiceKey
from tests.unit.objects import reviews, route

REVIEWS = ServiceKey("default", "reviews")
MESH = reviews({"route": [route("v1", 90), route("v2", 10)]})


def shift(percent: float = 30.0) -> Change:
    return build_change(MESH, Shift({"v2": percent}), Target(REVIEWS))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "deep" / "j.sqlite", clock=lambda: 1000.0)


def test_only_its_owner_may_read_it(journal: Journal) -> None:
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_what_was_meant_is_read_back_whole(journal: Journal) -> None:
    change = shift()
    entry = journal.get(journal.begin(change, "prod"))
    assert (entry.status, entry.context, entry.verb) == (Status.INTENT, "prod", "shift")
    assert (entry.target, entry.rule, entry.service) == (change.target, change.rule, REVIEWS)
    assert (entry.patch, entry.inverse) == (change.patch, change.inverse)
    assert (entry.spec_before, entry.spec_after) == (change.spec_before, change.spec_after)
    assert (entry.before, entry.after, entry.words) == (change.before, change.after, change.words)


def test_the_beginning_of_an_identity_is_enough(journal: Journal) -> None:
    first, _ = (journal.begin(shift(), "prod") for _ in range(2))
    assert journal.get(first).id == first
    with pytest.raises(NotFound, match="more than one"):
        journal.get(first[:5])
    with pytest.raises(NotFound, match="no change"):
        journal.get("nothing")


def test_undo_takes_the_last_that_took_effect_and_never_an_undo(journal: Journal) -> None:
    first, failed, second = (journal.begin(shift(), "prod") for _ in range(3))
    journal.settle(first, Status.VERIFIED)
    journal.settle(failed, Status.FAILED)
    journal.settle(second, Status.WRITTEN)
    last = journal.last_undoable()
    assert last is not None
    assert last.id == second
    undo = build_change(MESH, Shift({"v2": 50}), Target(REVIEWS))
    object.__setattr__(undo, "undoes", second)
    journal.settle(journal.begin(undo, "prod"), Status.VERIFIED)
    last = journal.last_undoable(REVIEWS)
    assert last is not None
    assert last.id == first


def test_a_write_by_anyone_makes_another_version_and_a_look_makes_none(journal: Journal) -> None:
    other = Journal(journal.path)
    versions = [journal.version]
    journal.last_undoable()
    assert journal.version == versions[0]
    changed = journal.begin(shift(), "lab")
    versions.append(journal.version)
    other.settle(changed, Status.VERIFIED)
    versions.append(journal.version)
    assert len(set(versions)) == 3
    other.close()


def test_time_limits_stand_until_taken_back(journal: Journal) -> None:
    fault = build_change(MESH, SetFault(abort_http=503, expires_s=60), Target(REVIEWS))
    change_id = journal.begin(fault, "prod")
    assert journal.limited() == ()
    journal.settle(change_id, Status.VERIFIED)
    assert [(e.id, e.expires) for e in journal.limited()] == [(change_id, 1060.0)]
    journal.time_limits.close(journal.time_limits.all())
    assert journal.limited() == ()


def test_filters(journal: Journal) -> None:
    journal.begin(shift(), "prod")
    assert len(journal.entries(service=REVIEWS)) == 1
    assert journal.entries(service=ServiceKey("default", "ratings")) == ()
    assert journal.entries(since=2000.0) == ()
    assert journal.entries(who="nobody-of-that-name") == ()


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="XDG_STATE_HOME") as told:
        Journal(tmp_path / "file" / "j.sqlite")
    assert "\n" not in str(told.value)


def test_a_file_that_is_no_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(path)


def test_one_file_for_each_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first, second = journal_path("https://a:6443"), journal_path("https://b:6443/x y")
    assert first != second
    assert first.parent == second.parent == tmp_path / "meshtui" / "journal"


def test_a_kill_between_intent_and_outcome_leaves_the_intent(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    script = textwrap.dedent(f"""
        import os, pathlib, signal
        from tests.unit.test_journal import shift
        from meshtui.journal import Journal
        Journal(pathlib.Path({str(path)!r})).begin(shift(), "prod")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    (entry,) = Journal(path).interrupted()
    assert (entry.verb, entry.status) == ("shift", Status.INTENT)


def test_an_intent_of_a_living_process_is_not_interrupted(journal: Journal) -> None:
    journal.begin(shift(), "prod")
    assert journal.interrupted() == ()


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    script = textwrap.dedent(f"""
        import pathlib
        from tests.unit.test_journal import shift
        from meshtui.journal import Journal, Status
        journal = Journal(pathlib.Path({str(path)!r}))
        for _ in range(25):
            journal.settle(journal.begin(shift(), "prod"), Status.WRITTEN)
    """)
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(Journal(path).entries(limit=1000)) == 75


def test_an_identity_that_is_there_already_is_not_given_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["aaaa", "aaaa", "bbbb", "aaaa", "bbbb", "cccc", "cccc", "dddd"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(digits))
    monkeypatch.setattr("time.strftime", lambda *_: "20260801-120000")
    made = [journal.begin(shift(), "prod"), journal.begin(shift(), "prod")]
    made += journal.begin_parts([shift(), shift()], "prod")
    made.append(journal.begin(shift(), "prod"))
    assert [one.rpartition("-")[2] for one in made] == ["aaaa", "bbbb", "cccc.1", "cccc.2", "dddd"]


def test_what_was_made_to_a_service_is_told_without_reading_the_objects(tmp_path: Path) -> None:
    times = iter(range(1000, 2000, 10))
    journal = Journal(tmp_path / "j.sqlite", clock=lambda: float(next(times)))
    first, failed, second = (journal.begin(shift(percent), "prod") for percent in (20, 30, 40))
    for change, status in ((first, Status.WRITTEN), (failed, Status.FAILED)):
        journal.settle(change, status)
    journal.settle(second, Status.VERIFIED)
    with sqlite3.connect(journal.path) as spoilt:
        spoilt.execute("UPDATE changes SET spec_before = '{', spec_after = '{', patch = '{'")
    told = journal.made(REVIEWS, 0.0)
    assert [change.words for change in told] == [shift(20).words, shift(40).words]
    assert [change.created for change in told] == sorted(change.created for change in told)
    assert journal.made(REVIEWS, told[0].created + 1) == told[1:]
    assert journal.made(REVIEWS, 0.0, limit=1) == told[1:]
    assert journal.made(ServiceKey("default", "ratings"), 0.0) == ()


def test_parts_are_one_change_whose_turns_come_one_by_one(journal: Journal) -> None:
    first, second = journal.begin_parts([shift(30), shift(40)], "prod")
    whole = journal.get(first)
    assert (whole.id, whole.status, len(whole.parts)) == (whole_id(second), Status.QUEUED, 2)
    assert journal.changes() == (whole,)
    journal.start(first, shift(35))
    journal.settle(first, Status.WRITTEN)
    entry = journal.part(first)
    assert (entry.status, entry.begun, entry.words) == (Status.WRITTEN, 1000.0, shift(35).words)
    assert journal.part(second).status is Status.QUEUED
    assert journal.last_undoable() == journal.get(second)
    journal.settle(second, Status.FAILED)
    assert journal.get(second).status is Status.PARTIAL


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ((Status.VERIFIED, Status.VERIFIED), Status.VERIFIED),
        ((Status.VERIFIED, Status.WRITTEN), Status.WRITTEN),
        ((Status.WRITTEN, Status.FAILED), Status.PARTIAL),
        ((Status.FAILED, Status.FAILED), Status.FAILED),
        ((Status.WRITTEN, Status.UNANSWERED), Status.UNANSWERED),
        ((Status.UNKNOWN, Status.FAILED), Status.UNKNOWN),
        ((Status.WRITTEN, Status.INTENT, Status.QUEUED), Status.INTENT),
    ],
)
def test_a_whole_is_no_better_known_than_its_parts(
    journal: Journal, statuses: tuple[Status, ...], whole: Status
) -> None:
    parts = journal.begin_parts([shift() for _ in statuses], "prod")
    for part, status in zip(parts, statuses, strict=True):
        journal.settle(part, status)
    assert journal.get(parts[0]).status is whole


def test_a_list_that_is_cut_shows_its_last_change_whole(journal: Journal) -> None:
    journal.begin_parts([shift() for _ in range(12)], "prod")
    (entry,) = journal.changes(limit=3)
    assert [part.id.rpartition(".")[2] for part in entry.parts] == [
        str(number) for number in range(1, 13)
    ]


def test_rows_of_the_first_schema_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path)
    old.executescript(f"{FIRST} PRAGMA user_version = 1;")
    old.execute(
        "INSERT INTO changes VALUES (:id, 900.0, 'me', 'here', 1, 'prod', 'shift', 'default', "
        "'reviews', 'VirtualService', 'default', 'reviews', 'u', 'null', '[]', '[]', '[]', '{}', "
        "'{}', '{}', '{}', '1', 'written', 901.0, '', '{}', '', '', NULL)",
        {"id": "1127-000000-abcd"},
    )
    old.commit()
    old.close()
    journal = Journal(path)
    (entry,) = journal.changes()
    assert (entry.id, entry.status, entry.part_of) == ("1127-000000-abcd", Status.WRITTEN, "")
    assert journal.last_undoable() == entry
    journal.begin_parts([shift(), shift()], "prod")
    journal.close()
    assert len(Journal(path).changes()) == 2


def test_two_that_open_an_old_journal_at_once_both_can(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    sqlite3.connect(path).executescript(f"{FIRST} PRAGMA user_version = 1;")
    with ThreadPoolExecutor(8) as pool:
        journals = list(pool.map(lambda _: Journal(path), range(8)))
    for journal in journals:
        journal.begin(shift(), "prod")
    assert len(journals[0].changes()) == 8

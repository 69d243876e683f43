"""The lines of the table are made when they are asked for, and are the same as if all were made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.judging import bad_ratio
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.outline import outline
from meshtui.ui.table.sparklines import LENGTH, UNREAD, History, Reading

labels = st.lists(st.sampled_from(["v1", "v2", "v3"]), max_size=3, unique=True)
NOBODY: frozenset[ServiceKey] = frozenset()


def service(name: str, versions: list[str], rps: float = 1.0) -> ServiceView:
    rows = tuple(VersionView(v, caller=Signals(9.0, rps)) for v in versions)
    key = ServiceKey("default", name)
    return ServiceView(Service(key, name), rows, caller=Signals(9.0, rps))


@given(st.lists(labels, max_size=5), st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_each_line_is_found_where_it_stands(
    several: list[list[str]], folded: set[int], opened: set[int]
) -> None:
    views = [service(f"s{n}", versions) for n, versions in enumerate(several)]
    keys = [ServiceKey("default", f"s{n}") for n in range(5)]
    lines = outline(views, frozenset(keys[n] for n in folded), frozenset(keys[n] for n in opened))
    all_of_them = list(lines)
    assert [lines[i] for i in range(len(lines))] == all_of_them == list(lines[:])
    assert [lines.find(line.place) for line in all_of_them] == [*range(len(lines))]
    assert lines.find(GONE) is None
    for line in all_of_them:
        versions = line.view.versions
        if not line.is_version:
            closed = line.view.key in {keys[n] for n in folded}
            few = len(versions) < 2 and line.view.key not in {keys[n] for n in opened}
            assert line.folded == (closed or few)
        else:
            assert line.version in versions and line.last == (line.version is versions[-1])


GONE = LineId(ServiceKey("default", "gone"))


def test_a_course_is_of_the_samples_in_which_a_line_was_there_without_a_gap() -> None:
    history = History()
    there = [["v1"], ["v1", "v2"], ["v1"], ["v1", "v2"], ["v1", "v2"]]
    for at, versions in enumerate(there, 1):
        history.record(Sample(float(at), "test", 10.0), [service("s", versions, float(at))])
    line = LineId(ServiceKey("default", "s"), "v2")
    assert history.rates(line) == [4.0, 5.0]
    assert history.rates(LineId(line.service)) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert history.peak(line.service) == 5.0 and history.rates(GONE) == []
    for at in range(6, 6 + LENGTH):
        history.record(Sample(float(at), "test", 10.0), [service("s", ["v1"], float(at))])
    assert history.rates(line) == [] and len(history.rates(LineId(line.service))) == LENGTH


NUMBERS = st.floats(0, 1e9)


@given(
    st.none()
    | st.builds(Signals, NUMBERS, NUMBERS, st.none() | st.floats(0, 1), p99_ms=st.none() | NUMBERS)
)
def test_what_is_remembered_of_a_line_is_what_was_read(signals: Signals | None) -> None:
    key = ServiceKey("default", "s")
    rows = (VersionView("v1", caller=Signals(1.0, 2.0)), VersionView("v2", caller=signals))
    history = History()
    history.record(
        Sample(1.0, "test", 10.0), [ServiceView(Service(key, "s"), rows, caller=signals)]
    )
    wanted = UNREAD if signals is None else Reading(signals.rps, bad_ratio(signals), signals.p99_ms)
    assert history.readings(LineId(key)) == [wanted] == history.readings(LineId(key, "v2"))
    assert history.rates(LineId(key, "v1")) == [2.0]

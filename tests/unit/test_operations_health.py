"""One truth for each connection: what comes through a silent server is old, whatever it says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.kube.source import SourceHealth
from meshtui.operations.group.placing import trouble_of
from meshtui.operations.health import cluster_health
from meshtui.operations.types import Snapshot
from meshtui.ui.widgets.headline import source_words


def pulse(silence: str = "", age_s: float = 0.5) -> Any:
    return SimpleNamespace(silence=silence, age_s=age_s)


SILENT = pulse("the API server has not answered for 20 s", 20.0)


def sources(*states: tuple[str, float]) -> tuple[SourceHealth, ...]:
    return tuple(SourceHealth(f"kind{n}", state, age) for n, (state, age) in enumerate(states))


def test_quiet_watches_of_a_server_that_answers_are_live() -> None:
    found = cluster_health("lab", sources(("ok", 80.0), ("ok", 3.0)), pulse())
    assert (found.state, found.message) == ("ok", "")
    assert found.age_s < found.limit_s


def test_a_silent_server_is_stale_since_its_last_answer_of_any_kind() -> None:
    found = cluster_health("lab", sources(("ok", 30.0), ("ok", 20.0)), SILENT)
    assert (found.state, found.age_s, found.message) == ("stale", 20.0, SILENT.silence)


def test_an_event_since_the_probe_is_an_answer_too() -> None:
    assert cluster_health("lab", sources(("ok", 30.0), ("ok", 2.0)), SILENT).age_s == 2.0


@pytest.mark.parametrize("state", ["failed", "stale", "forbidden"])
def test_what_is_worse_is_said_first(state: str) -> None:
    assert cluster_health("lab", sources(("ok", 3.0), (state, 9.0)), SILENT).state == state


def test_a_kind_that_the_cluster_lacks_is_no_trouble() -> None:
    assert cluster_health("lab", sources(("missing", 3.0), ("missing", 9.0)), pulse()).state == "ok"


def test_kinds_that_are_read_for_the_first_time_are_named_and_nothing_is_old() -> None:
    reading = sources(("reading", 6.0), ("ok", 1.0), ("reading", 6.0))
    found = cluster_health("lab", reading, pulse())
    assert (found.state, found.age_s, found.message) == ("reading", None, "kind0, kind2")
    assert not found.stale(60.0)
    words = "".join(piece.text for piece in source_words(found, "", 60.0))
    assert words == "reading kind0, kind2"
    assert trouble_of(Snapshot(0.0, cluster=found), "") == "kind0, kind2: not read yet"
    assert cluster_health("lab", reading, SILENT).state == "stale"

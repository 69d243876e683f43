"""What a row is made into is made once, and nothing of it is lost on the way."""

from __future__ import annotations

from dataclasses import fields, replace

from meshtui.mesh.connections import Connections
from meshtui.mesh.judging import FAILING
from meshtui.mesh.leaving import Leaving
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.mesh.row_work import begun, done
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView

KEY = ServiceKey("default", "reviews")
PODS = (Pod("default", "reviews-v1-0"),)
FULL = VersionView(
    "1", "v1", "reviews", 80, 80.0, 0.5, 1, 1, Signals(9.0), Signals(8.0), "ok", 10.0, 1, "ok",
    "because", 9.0, "slow", "slower", "degraded", "1 of 1 pods", PODS, KEY, True, True,
    True, True, Connections(1.0), "401s", "no buckets", 1000.0, 1010.0,
    Leaving(84.0, 1180.0),
)  # fmt: skip


def values(row: VersionView) -> dict[str, object]:
    return {one.name: getattr(row, one.name) for one in fields(row)}


def test_a_row_that_nothing_was_found_of_stays_as_it_is() -> None:
    assert all(values(FULL).values())
    assert values(done(begun(FULL))) == values(FULL)


def test_what_was_found_stands_in_the_row() -> None:
    work = begun(VersionView("1"))
    work.caller, work.state, work.share = Signals(5.0), FAILING, 0.25
    work.slow, work.pods_words = "longer than 300 ms", "rollout begins"
    assert done(work) == replace(
        VersionView("1"), caller=Signals(5.0), state=FAILING, share=0.25,
        slow="longer than 300 ms", pods_words="rollout begins",
    )  # fmt: skip

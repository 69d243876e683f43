"""What a change does to the traffic at its present rate, told before it is made."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.blast import about
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    ClearFault,
    ClearMirror,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.checks import blast_radius, mirror_findings, moves_weight
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from tests.unit.objects import reviews, route

REVIEWS = ServiceKey("default", "reviews")
ENDLESS = "has no end: it stays until somebody takes it off"
PLAIN = {"route": [route("v1", 80), route("v2", 20)]}


def change(request: Any, *rules: Any) -> Change:
    return build_change(reviews(*(rules or (PLAIN,))), request, Target(REVIEWS))


def told(request: Any, rps: float | None = 40.0, *rules: Any) -> str:
    return blast_radius(change(request, *rules), rps)


def test_a_fault_says_how_many_requests_it_hits_and_when_it_ends() -> None:
    abort = SetFault(abort_http=503, abort_percent=10, expires_s=300)
    assert told(abort).startswith("aborts ≈ 4 of 40 requests/s; ends by itself after 5m")


def test_a_fault_without_a_limit_says_so() -> None:
    delay = SetFault(delay_s=3, delay_percent=50, expires_s=None)
    assert (
        told(delay)
        == "delays ≈ 20 of 40 requests/s; has no end: it stays until somebody takes it off"
    )


def test_both_parts_of_a_fault_are_counted() -> None:
    both = SetFault(delay_s=3, delay_percent=50, abort_http=503, abort_percent=10, expires_s=5400)
    assert told(both).startswith("delays ≈ 20 and aborts ≈ 4 of 40 requests/s; ends by itself")
    assert "after 1h30m" in told(both)


def test_how_many_requests_have_a_header_is_not_claimed() -> None:
    aimed = SetFault(abort_http=503, abort_percent=50, header=("x-chaos", "1"), expires_s=None)
    assert told(aimed) == (
        "aborts 50 % of the requests with header x-chaos = 1 only "
        "(how many is not known; to all of the service come 40 requests/s); "
        "has no end: it stays until somebody takes it off"
    )


def test_without_a_rate_the_part_is_said() -> None:
    abort = SetFault(abort_http=503, abort_percent=10, expires_s=None)
    assert told(abort, None) == f"aborts 10 % of the requests (their rate is not known); {ENDLESS}"
    assert told(abort, 0.0) == f"aborts 10 % of the requests (there are none now); {ENDLESS}"


def test_a_mirror_says_how_much_more_its_target_gets() -> None:
    assert (
        told(SetMirror("v3", 25))
        == "≈ 10 requests/s more to v3; has no end: it stays until somebody takes it off"
    )
    assert told(SetMirror("v3", 25, 7200)).startswith("≈ 10 requests/s more to v3; ends by itself")
    assert told(SetMirror("v3", 25), None) == (
        f"25 % of the requests more to v3 (their rate is not known); {ENDLESS}"
    )


def test_a_mirror_that_grows_adds_only_the_difference() -> None:
    mirrored = {
        **PLAIN,
        "mirror": {"host": "reviews", "subset": "v3"},
        "mirrorPercentage": {"value": 25},
    }
    assert told(SetMirror("v3", 50), 40.0, mirrored).startswith("≈ 10 requests/s more to v3")
    assert told(SetMirror("v3", 10), 40.0, mirrored) == ""
    assert told(ClearMirror(), 40.0, mirrored) == ""


def test_what_takes_a_fault_off_or_touches_no_traffic_says_nothing() -> None:
    faulty = {**PLAIN, "fault": {"abort": {"percentage": {"value": 10}, "httpStatus": 503}}}
    assert told(ClearFault(), 40.0, faulty) == ""
    assert told(SetTimeout(5), 40.0, faulty) == ""


def test_only_a_shift_moves_weight() -> None:
    assert moves_weight(change(Shift({"v2": 30})))
    assert not moves_weight(change(SetMirror("v3", 25)))
    assert not moves_weight(change(SetFault(abort_http=503)))
    assert told(Shift({"v2": 30}), 19.7) == "moves 10 % ≈ 2 requests/s"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0"), (0.004, "<0.01"), (0.123, "0.12"), (1.97, "2"), (1.94, "1.9"), (39.4, "39"),
     (143.0, "140"), (12345.6, "12000"), (1_234_567.0, "1200000")],
)  # fmt: skip
def test_a_rate_has_two_digits_that_mean_something(rate: float, text: str) -> None:
    assert about(rate) == text


def failing(version: str, *, server: bool = False, ratio: float = 0.5) -> Sample:
    signals = Signals(requests=100, rps=10, error_ratio=ratio)
    counted = {VersionKey(REVIEWS, version): signals}
    side = {"server": counted} if server else {"caller": counted}
    return Sample(0.0, "prometheus", 10.0, **side)


def findings(mesh: Mesh, sample: Sample | None) -> list[str]:
    made = build_change(mesh, SetMirror("v3", 25), Target(REVIEWS))
    return [f.text for f in mirror_findings(mesh, made, sample, Thresholds())]


def test_a_mirror_to_a_version_that_fails_says_so() -> None:
    mesh = reviews(PLAIN)
    text = "v3 is failing as it is: 50 % of its requests are errors"
    assert findings(mesh, failing("v3")) == [text]
    assert findings(mesh, failing("v3", server=True)) == [text]


def test_a_mirror_to_a_version_that_is_well_or_not_known_says_nothing_of_it() -> None:
    mesh = reviews(PLAIN)
    for sample in (None, failing("v1"), failing("v3", ratio=0.05)):
        assert findings(mesh, sample) == []


def test_a_mirror_of_web_sockets_says_that_their_frames_are_copied() -> None:
    """As Envoy 1.40 does: what a client sends after 101 arrives at the mirror too."""
    mesh = reviews(PLAIN)

    def opened(code: str) -> Sample:
        signals = Signals(requests=4, rps=0.4, error_ratio=0.0, codes={code: 4.0})
        return Sample(0.0, "prometheus", 10.0, caller_totals={REVIEWS: signals})

    assert any("copied frame by frame" in text for text in findings(mesh, opened("101")))
    assert not findings(mesh, opened("200"))

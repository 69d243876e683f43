"""Changes towards harm, by what is measured now."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Change, ClearFault, Promote, Request, SetTimeout, Shift, Target
from meshtui.changes.edit import edited
from meshtui.changes.harm import harm
from meshtui.changes.health import health_of
from meshtui.changes.locate import locate
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from tests.unit.objects import reviews, route

KEY = ServiceKey("default", "reviews")
RULE = {"route": [route("v1", 80), route("v2", 10), route("v3", 10)]}
BUCKETS = {10.0: 20.0, 50.0: 60.0, 100.0: 90.0, inf: 100.0}


def counted(errors: float = 0.0) -> Signals:
    return Signals(100, 10, errors, 40.0, 90.0, 100.0, buckets=BUCKETS)


def sample(window_s: float = 10.0, **errors: float) -> Sample:
    """Each version's error ratio; the others answer well."""
    seen = {VersionKey(KEY, v): counted(errors.get(v, 0.0)) for v in ("v1", "v2", "v3")}
    return Sample(1.0, "test", window_s, seen, seen, {KEY: counted()}, {KEY: counted()})


def found(request: Request, seen: Sample | None, mesh: Mesh | None = None) -> list[tuple[str, str]]:
    mesh = mesh or reviews(RULE)
    return levels(mesh, build_change(mesh, request, Target(KEY)), seen)


def levels(mesh: Mesh, change: Change, seen: Sample | None) -> list[tuple[str, str]]:
    return [(f.level, f.text) for f in harm(mesh, change, seen, Thresholds())]


@pytest.mark.parametrize("request_", [Shift({"v3": 50}), Promote("v3")])
def test_more_weight_on_a_version_that_fails_now_is_a_danger(request_: Request) -> None:
    ((level, text),) = found(request_, sample(v3=0.2))
    assert level == "danger"
    assert text.startswith("v3 is failing now (20 % errors of 100 requests")
    assert "its traffic grows from 10 to" in text


@pytest.mark.parametrize("request_", [Shift({"v3": 50}), Promote("v3")])
def test_more_weight_on_a_degraded_version_is_a_warning(request_: Request) -> None:
    """Nothing was said of it: it looked like one that is well."""
    ((level, text),) = found(request_, sample(v3=0.05))
    assert level == "warning"
    assert text.startswith("v3 is degraded now (5 % errors of 100 requests")
    assert "its traffic grows to" in text


@pytest.mark.parametrize(
    ("requests", "errors", "asked"), [(17, 4, True), (9, 2, True), (4, 2, True), (3, 1, False)]
)
def test_a_version_that_may_be_failing_is_one_too(requests: int, errors: int, asked: bool) -> None:
    """The command line looks for two seconds only: what is seen there is seldom certain."""
    few = Signals(requests, requests / 2, errors / requests)
    key = VersionKey(KEY, "v3")
    seen = replace(sample(), caller=sample().caller | {key: few}, server={})
    levels = found(Shift({"v3": 50}), seen)
    assert [level for level, _ in levels] == ["danger"] * asked
    assert all("v3 may be failing (" in text and "too few to be" in text for _, text in levels)


def test_less_weight_on_it_is_none() -> None:
    assert found(Shift({"v3": 5}), sample(v3=0.2)) == []
    assert found(Promote("v1"), sample(v3=0.2)) == []


def test_what_is_not_known_is_no_danger() -> None:
    assert found(Promote("v3"), None) == []
    assert found(Promote("v3"), sample(0.0, v3=0.2)) == []


def test_the_way_back_to_a_failing_version_is_one_too() -> None:
    change = build_change(reviews(RULE), Promote("v1"), Target(KEY))
    back = replace(
        change, verb="undo", spec_before=change.spec_after, spec_after=change.spec_before
    )
    ((level, _),) = levels(reviews(RULE), back, sample(v2=0.5))
    assert level == "danger"


def test_an_edit_is_judged_in_every_rule() -> None:
    testers = {"match": [{"uri": {"exact": "/x"}}], "route": [route("v1", 100)]}
    mesh = reviews(testers, RULE)
    (item,) = mesh.virtual_services
    spec = {"hosts": ["reviews"], "http": [{**testers, "route": [route("v3", 100)]}, RULE]}
    ((level, text),) = levels(
        mesh, edited(mesh, item, KEY, {**item.raw, "spec": spec}), sample(v3=0.2)
    )
    assert (level, "from 0 to 100 %" in text) == ("danger", True)


def test_a_destination_without_a_host_is_one() -> None:
    mesh = reviews(RULE)
    (item,) = mesh.virtual_services
    rule = {"route": [route("v1", 90), {"destination": {"host": ""}, "weight": 10}]}
    change = edited(mesh, item, KEY, {**item.raw, "spec": {"hosts": ["reviews"], "http": [rule]}})
    assert ("danger", "rule http[0] has a destination without a host") in levels(mesh, change, None)


@pytest.mark.parametrize("errors", [0.0, 0.5])
def test_a_whole_host_does_as_its_only_version_does(errors: float) -> None:
    """Though it is called `v1` in the policy, and not in the rule."""
    whole = {"route": [{"destination": {"host": "reviews"}}]}
    located = locate(reviews(whole, versions=("v1",)), Target(KEY))
    seen = replace(sample(v1=errors), caller={VersionKey(KEY, "v1"): counted(errors)}, server={})
    ask = (located.mesh, located.service, located.rule, seen, Thresholds())
    (found,) = (one for one in health_of(*ask) if not one.subset)
    assert (found.failing, found.percent, found.requests) == (errors > 0, 100.0, 100)


def test_a_timeout_below_the_median_says_how_many_it_cuts_off() -> None:
    dangers = found(SetTimeout(0.02), sample())
    assert [level for level, _ in dangers] == ["danger"] * 3
    assert dangers[0][1] == "70 % of the requests to v1 take longer than 20ms now (p50 is 40 ms)"


def test_one_above_it_is_a_warning_as_long_as_it_cuts_off_some() -> None:
    assert found(SetTimeout(0.05), sample())[0] == (
        "warning",
        "40 % of the requests to v1 take longer than 50ms now",
    )
    assert found(SetTimeout(0.1), sample())[0][0] == "warning"
    assert found(SetTimeout(30.0), sample()) == []
    assert found(ClearFault(), sample()) == []


def test_a_longer_timeout_than_the_one_that_is_there_harms_nobody() -> None:
    mesh = reviews({**RULE, "timeout": "0.01s"})
    assert found(SetTimeout(0.02), sample(), mesh) == []


@pytest.mark.parametrize(
    ("limit", "slower"), [(0, 1.0), (5, 0.9), (10, 0.8), (30, 0.6), (100, 0.1), (1000, 0.0)]
)
def test_the_part_that_is_slower(limit: float, slower: float) -> None:
    assert counted().slower_than(limit) == pytest.approx(slower)
    assert Signals().slower_than(limit) is None

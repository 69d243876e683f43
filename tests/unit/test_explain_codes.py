"""Codes and statuses that no flag explains; the order of explanations, and hostile telemetry."""

from __future__ import annotations

from meshtui.diagnosis.explain import MOST, explanations
from meshtui.mesh.signals import Signals
from tests.unit.explaining import mesh_of, next_of, scope, signals, told, words
from tests.unit.objects import pod, route

ALWAYS = {"percentage": {"value": 100}}


def test_an_error_that_the_version_answers_itself_is_said_to_be_its_own() -> None:
    both = signals(c500=30)
    one = told(scope(mesh_of(), "v1", both, both), "500")
    assert one.sentences[0] == "v1 answers it itself: its own proxy counts 3.0/s too."
    assert one.name == "internal error"


def test_an_error_with_a_flag_is_explained_once() -> None:
    found = explanations([scope(mesh_of(), "v1", signals(c503=30, UF=30))])
    assert [one.code for one in found] == ["UF"]


def test_the_rest_of_a_code_is_explained_where_flags_account_for_a_part() -> None:
    found = explanations([scope(mesh_of(), "v1", signals(c503=30, UF=10), signals(c503=20))])
    assert {one.code: round(one.rps, 1) for one in found} == {"503": 2.0, "UF": 1.0}


def test_two_flags_of_one_request_do_not_hide_another_error() -> None:
    found = explanations([scope(mesh_of(), "v1", signals(c503=10, c500=10, UF=10, URX=10))])
    assert {one.code for one in found} == {"UF", "URX", "500"}


def test_an_error_of_a_version_without_telemetry_is_most_likely_its_own() -> None:
    bare = pod("reviews", "v1")
    bare["spec"]["containers"] = [{"name": "reviews"}]
    found = scope(mesh_of(pods=[bare]), "v1", signals(c500=30))
    assert "most likely v1 answered it itself" in words(found, "500")


def test_grpc_statuses_are_named() -> None:
    both = signals(g14=30, g0=70)
    one = told(scope(mesh_of(), "v1", both, both), "14")
    assert (one.kind, one.name) == ("grpc", "UNAVAILABLE")
    assert "v1 answers it itself" in one.sentences[0]


def test_a_grpc_status_that_a_proxy_flagged_is_explained_once_and_by_its_flag() -> None:
    caller = signals(g14=30, g0=70, UT=30)
    found = explanations([scope(mesh_of(), "v1", caller, signals(c0=30, DC=30))])
    assert [one.code for one in found if one.side == "caller"] == ["UT"]
    part = explanations([scope(mesh_of(), "v1", signals(g14=40, UO=10), signals(g14=30))])
    assert {one.code: round(one.rps, 1) for one in part} == {"14": 3.0, "UO": 1.0}


def test_an_abort_with_a_grpc_status_is_not_taken_off_other_codes() -> None:
    fault = {"abort": {"grpcStatus": "UNAVAILABLE", **ALWAYS}}
    mesh = mesh_of({"route": [route("v1")], "fault": fault})
    found = explanations([scope(mesh, caller=signals(c503=10, g14=10, FI=10))])
    assert {one.code for one in found} == {"503", "FI"}


def test_taking_weight_off_is_offered_where_another_version_could_take_it() -> None:
    mesh = mesh_of({"route": [route("v1", 80), route("v3", 20)]})
    both = signals(c503=30)
    assert next_of(told(scope(mesh, "v3", both, both), "503")).startswith(
        "R: roll back, or -: take weight off v3"
    )
    assert not next_of(told(scope(mesh_of(), "v1", both, both), "503")).startswith("R")


# Order, joining, hostile values


def test_the_most_frequent_comes_first() -> None:
    found = explanations(
        [scope(mesh_of(), "v1", signals(c503=30, c504=20, c0=50, UF=30, UT=20, DC=50))]
    )
    assert [one.code for one in found] == ["DC", "UF", "UT"]


def test_what_was_injected_on_purpose_comes_after_what_was_not() -> None:
    caller = signals(c503=70, FI=40, UO=20, DI=50)
    found = explanations([scope(mesh_of(), "v1", caller, signals(c503=10))])
    assert [one.code for one in found] == ["503", "UO", "DI", "FI"]


def test_what_the_version_fails_itself_comes_before_what_is_more_frequent_and_after_much_more() -> (
    None
):
    def first(own: int) -> str:
        caller = signals(50, c503=200 + own, UO=200)
        return explanations([scope(mesh_of(), "v1", caller, signals(50, c503=own))])[0].code

    assert (first(100), first(10)) == ("503", "UO")


def test_answers_that_are_no_errors_come_after_those_that_are() -> None:
    found = explanations([scope(mesh_of(), "v1", signals(c404=60, c503=5, UF=5, c500=1))])
    assert [one.code for one in found] == ["500", "UF", "404"]


def test_what_reads_alike_for_several_versions_stands_once() -> None:
    fault = {"delay": {"fixedDelay": "2s", **ALWAYS}}
    mesh = mesh_of({"route": [route("v1", 50), route("v3", 50)], "fault": fault})
    seen = [scope(mesh, version, signals(5, DI=50)) for version in ("v1", "v3")]
    (one,) = explanations(seen)
    assert (one.labels, one.rps, one.share) == (("v1", "v3"), 10.0, 1.0)


def test_unknown_flags_are_shown_as_they_are_and_made_harmless() -> None:
    found = explanations([scope(mesh_of(), "v1", signals(**{"X\x1b[31MY": 5, "Z" * 500: 5}))])
    assert {one.code[:6] for one in found} == {"X^[[31", "ZZZZZZ"}
    assert all(len(one.code) <= 40 and one.code.isprintable() for one in found)
    assert all("does not know" in one.name for one in found)


def test_ten_thousand_codes_are_bounded() -> None:
    codes = {f"5{n}" if n > 99 else f"5{n:02}": 1.0 for n in range(10_000)}
    flags = {f"F{n}": 1.0 for n in range(10_000)}
    wild = Signals(10_000, 1_000, 1.0, codes=codes, flags=flags, grpc=codes)
    assert len(explanations([scope(mesh_of(), "v1", wild, wild)])) == MOST


def test_errors_that_the_version_counts_only_in_part_are_not_called_its_own() -> None:
    found = scope(mesh_of(), "v1", signals(c503=30), signals(c503=1))
    assert words(found, "503").startswith("v1 itself answers 0.1/s of it; the rest is made on")

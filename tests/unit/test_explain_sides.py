"""The first sentences: the state in words, and on which side the errors are made."""

from __future__ import annotations

from dataclasses import replace

from meshtui.diagnosis.explain.origin import sides
from meshtui.diagnosis.explain.scope import VersionScope, called_by, scope_of
from meshtui.diagnosis.explain.triage import Said, below, headline, sentences
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.mesh.view import service_views
from tests.unit.explaining import CALLERS, KEY, mesh_of, scope, signals, words
from tests.unit.objects import pod, route


def test_errors_made_on_the_way_are_told_with_both_ratios_and_the_flags() -> None:
    found = scope(mesh_of(), "v1", signals(100, c503=120, UO=80, UF=40), signals(100, c500=1))
    assert sides(found) == (
        "Callers see 12 % errors, v1 itself answers 0.1 %: the errors are made on the way "
        "(UO 8.0/s, UF 4.0/s)."
    )


def test_where_the_version_fails_too_only_the_rest_is_made_on_the_way() -> None:
    found = scope(mesh_of(), "v1", signals(c503=40, UF=20), signals(c503=20))
    assert "itself answers 20 %: the rest is made on the way (UF 2.0/s)" in sides(found)


def test_errors_of_the_version_itself_are_its_own() -> None:
    found = scope(mesh_of(), "v1", signals(c503=30), signals(c503=30))
    assert sides(found) == (
        "v1 answers the errors itself (503 3.0/s): callers see 30 %, its own proxy counts 30 %."
    )


def test_what_the_own_proxy_answers_is_not_the_programs() -> None:
    """Seen with a program that crashed: its pod's proxy has UF and URX, and callers no flag."""
    own = signals(c503=30, UF=30, URX=30)
    found = scope(mesh_of(), "v1", signals(c503=30), own)
    assert sides(found) == (
        "The own proxy of v1 makes the errors (UF 3.0/s, URX 3.0/s), and not the program: callers "
        "see 30 %, it counts 30 %."
    )
    said = "The own proxy of v1 answers it (UF, URX), and not the program: it counts 3.0/s too."
    assert words(found, "503").startswith(said)
    some = scope(mesh_of(), "v1", signals(c503=30), signals(c503=30, UF=10, URX=10))
    assert words(some, "503").startswith("v1 answers it itself: its own proxy counts 3.0/s too.")
    other = scope(mesh_of(), "v1", signals(c500=30), signals(c500=30, c503=30, UF=30))
    assert words(other, "500").startswith("v1 answers it itself")


def test_errors_that_callers_do_not_see_are_hidden_by_the_rules_retries() -> None:
    rule = {"route": [route("v1")], "retries": {"attempts": 3, "retryOn": "5xx"}}
    found = scope(mesh_of(rule), "v1", signals(c503=1), signals(c503=30))
    assert sides(found) == (
        "v1 itself answers 30 % errors, callers see only 1 %: rule http[0] of VirtualService "
        "reviews tries again 3× on 5xx, and callers see the last try only."
    )


def test_errors_of_a_mirrors_copies_are_told_as_such() -> None:
    rule = {
        "route": [route("v1")],
        "mirror": {"host": "reviews", "subset": "v3"},
        "mirrorPercentage": {"value": 25},
    }
    found = scope(mesh_of(rule), "v3", signals(), signals(c503=30))
    assert "copies of the mirror (25 %)" in sides(found)


def test_requests_that_never_arrived_are_told_so() -> None:
    found = scope(mesh_of(), "v1", signals(c503=100, UF=100), Signals())
    assert sides(found) == "Callers see 100 % errors; no request reached v1 (UF 10/s)."


def test_requests_that_timed_out_have_reached_a_server_that_counted_nothing() -> None:
    found = scope(mesh_of(), "v1", signals(c504=100, UT=100), Signals())
    assert sides(found) == "What v1 itself answered is unknown: no proxy of its pods counted them."


def test_a_server_without_telemetry_makes_no_sentence_about_it() -> None:
    bare = pod("reviews", "v1")
    bare["spec"]["containers"] = [{"name": "reviews"}]
    found = scope(mesh_of(pods=[bare]), "v1", signals(c503=30))
    assert sides(found) == ("What v1 itself answered is unknown: none of its pods has a proxy.")


def test_without_errors_there_is_nothing_to_say_of_sides() -> None:
    assert sides(scope(mesh_of(), "v1", signals(), signals())) == ""
    assert sides(scope(mesh_of(), "v1", Signals(), Signals())) == ""


def test_differences_that_come_of_reading_at_other_moments_are_none() -> None:
    found = scope(mesh_of(), "v1", signals(c503=31), signals(c503=29))
    assert "itself (503 3.1/s)" in sides(found)


def test_the_states_never_read_alike() -> None:
    mesh = mesh_of()
    words = {
        headline(scope(mesh, "v1", Signals())),
        headline(scope(mesh, "v1", signals())),
        headline(scope(mesh, "v1", signals(c503=1))),
        headline(scope(mesh, "v1", signals(c503=30))),
        headline(scope(mesh, "v1", signals(c503=100))),
        headline(_unknown()),
    }
    assert words == {
        "no traffic: no request for v1 in the last 10s",
        "ok: none of the 10/s to v1 fails",
        "degraded: 1 % of the 10/s to v1 fail",
        "failing: 30 % of the 10/s to v1 fail",
        "only errors: every one of the 10/s to v1 fails",
        "unknown: nothing is known of v1",
    }


def _unknown():  # type: ignore[no-untyped-def]
    found = scope(mesh_of(), "v1", signals())
    assert found.row is not None
    return replace(found, row=replace(found.row, caller=None, server=None, state="unknown"))


def test_no_traffic_by_weight_and_by_silent_callers_differ() -> None:
    idle = mesh_of({"route": [route("v1", 100), route("v3", 0)]})
    assert headline(scope(idle, "v3", Signals())).endswith("in the last 10s; its weight is 0")
    silent = scope(mesh_of(), "v1", Signals(), signals(20))
    assert "no caller reports any, yet v1 itself counts 20/s (callers without a" in headline(silent)


def test_a_service_that_speaks_tcp_is_not_said_to_be_idle() -> None:
    mesh = mesh_of(port={"name": "tcp-db", "port": 5432})
    assert headline(scope(mesh, "v1", Signals())) == (
        "no traffic: no request for v1 in the last 10s; it speaks TCP, and its connections are "
        "not counted here"
    )


def test_requests_that_reached_no_pod_are_counted_as_such() -> None:
    found = scope(mesh_of(), UNKNOWN, signals(3, c503=30, UH=30))
    assert headline(found) == "only errors: 3.0/s reach no pod, 100 % of them fail (UH 3.0/s)"
    assert sides(found) == ""


def test_a_service_that_turns_everybody_away_is_not_just_ok() -> None:
    found = scope(mesh_of(), UNKNOWN, signals(40, c429=400, RL=400))
    total, lost, well = (said.head for said in _in_order(found))
    assert total == ("ok: none of the 40/s to reviews fails, but 100 % get a 4xx answer (429 40/s)")
    assert lost == "ok: 40/s reach no pod, none of them an error by its code (RL 40/s)"
    assert well == "no traffic: v1 and v3"


def _in_order(found: VersionScope) -> list[Said]:
    return sorted(sentences(replace(found, row=None)), key=lambda each: "reviews" not in each.head)


def test_a_service_that_fails_because_one_below_it_does_says_which() -> None:
    page = scope(mesh_of(), "v1", signals(c500=27), signals(c500=27))
    lower = scope(mesh_of(), "v3", signals(c503=27), signals(c503=27)).view
    found = replace(page, below=(lower,))
    assert below(found) == "It calls what fails: reviews v3 27 %. Look there first."
    assert sentences(found)[0].lines[-1].endswith("Look there first.")


def test_a_service_that_does_well_is_not_sent_to_those_it_calls() -> None:
    lower = scope(mesh_of(), "v3", signals(c503=27), signals(c503=27)).view
    fine = replace(scope(mesh_of(), "v1", signals(), signals()), below=(lower,))
    assert below(fine) == ""


def test_what_fails_far_less_often_is_not_called_the_reason() -> None:
    page = scope(mesh_of(), "v1", signals(c500=27), signals(c500=27))
    lower = scope(mesh_of(), "v3", signals(c503=1), signals(c503=1)).view
    assert below(replace(page, below=(lower,))) == ""


def test_the_worst_version_comes_first_and_those_that_do_well_in_one_sentence() -> None:
    found = replace(scope(mesh_of(), "v3", signals(c503=30), signals(c503=30)), row=None)
    states = [(said.state, said.head) for said in sentences(found)]
    assert states == [
        ("failing", "failing: 30 % of the 10/s to v3 fail"),
        ("failing", "failing: 30 % of the 10/s to reviews fail"),
        ("no traffic", "no traffic: v1"),
    ]


def test_the_services_a_workload_calls_are_those_that_count_it_as_a_caller() -> None:
    mesh = mesh_of()
    views = service_views(mesh, None)
    page = next(view for view in views if view.key.name == "productpage")
    calls = {KEY: CALLERS, page.key: frozenset({("default", "elsewhere")})}
    assert [view.key for view in called_by(mesh, page, views, calls)] == [KEY]
    sending = replace(page, versions=(replace(page.versions[0], owner=KEY),))
    assert called_by(mesh, sending, views, calls) == ()


def test_a_few_errors_more_on_one_side_are_chance_and_not_made_on_the_way() -> None:
    found = scope(mesh_of(), "v1", signals(3.5, c503=2), signals(3.4, c503=1))
    assert sides(found).startswith("v1 answers the errors itself")


def test_a_few_errors_with_a_flag_are_made_on_the_way() -> None:
    found = scope(mesh_of(), "v1", signals(3.5, c503=2, UF=2), signals(3.3))
    assert "made on the way (UF 0.2/s)" in sides(found)


def test_a_timeout_is_not_called_the_versions_own_because_it_saw_the_proxy_hang_up() -> None:
    found = scope(mesh_of(), "v1", signals(c504=100, UT=100), signals(c0=100, DC=100))
    assert sides(found) == (
        "Callers see 100 % errors, v1 itself answers 0 %: the errors are made on the way (UT 10/s)."
    )


def test_what_was_injected_on_purpose_is_told_after_the_version_that_does_not_do_well() -> None:
    def first(**lost: float) -> str:
        both = {"v3": signals(c503=5), UNKNOWN: signals(4, c503=40, **lost)}
        keyed = {VersionKey(KEY, version): one for version, one in both.items()}
        totals = {KEY: signals(50, c503=45)}
        sample = Sample(1.0, "test", 10.0, keyed, keyed, totals, totals)
        view = next(v for v in service_views(mesh_of(), sample) if v.key == KEY)
        return sentences(scope_of(mesh_of(), view, None, sample))[0].head

    assert first(FI=40) == "degraded: 5 % of the 10/s to v3 fail"
    assert first(UH=40).startswith("only errors: 4.0/s reach no pod")
    assert first(FI=20, UH=20).startswith("only errors: 4.0/s reach no pod")


def test_streams_that_callers_are_done_with_hide_no_errors_of_the_version_itself() -> None:
    both = signals(c503=20, DC=20)
    assert sides(scope(mesh_of(), "v3", both, both)).startswith("v3 answers the errors itself")

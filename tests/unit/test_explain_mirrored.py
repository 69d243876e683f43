"""Whose the errors are where faults are injected, and where a mirror's copies are counted too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshtui.diagnosis.explain.origin import sides
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.diagnosis.explain.triage import headline
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Signals
from tests.unit.explaining import mesh_of, scope, signals, words
from tests.unit.objects import Obj, route, virtual_service

FAULT = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
TO_V3: Obj = {"host": "reviews", "subset": "v3"}
COPIED: Obj = {"route": [route("v1", 90), route("v3", 10)], "mirror": TO_V3}


def whole(mesh: Mesh, caller: Signals, server: Signals) -> VersionScope:
    """The service, whose versions are one with it in the numbers."""
    return replace(scope(mesh, "v3", caller, server), row=None)


# A fault alone


def test_injected_errors_are_not_laid_at_the_door_of_a_version_that_fails_as_often() -> None:
    mesh = mesh_of({"route": [route("v3")], "fault": FAULT})
    found = whole(mesh, signals(40, c503=74, FI=40), signals(36, c503=70))
    assert sides(found) == (
        "Callers see 18.5 % errors: 10 % are made on the way (FI 4.0/s), 8.5 % are answered by "
        "reviews itself (503 3.4/s); its own proxy counts 19.4 %."
    )


def test_a_fault_alone_is_made_on_the_way() -> None:
    mesh = mesh_of({"route": [route("v3")], "fault": FAULT})
    assert sides(whole(mesh, signals(40, c503=40, FI=40), signals(36))) == (
        "Callers see 10 % errors, reviews itself answers 0 %: the errors are made on the way "
        "(FI 4.0/s)."
    )


def test_a_few_injected_errors_among_few_requests_are_not_the_versions_own() -> None:
    mesh = mesh_of({"route": [route("v3")], "fault": FAULT})
    found = whole(mesh, signals(3.5, c503=5, FI=4), signals(3.1, c503=1))
    assert sides(found).endswith("itself answers 3.2 %: the rest is made on the way (FI 0.4/s).")


def test_a_last_try_that_failed_was_still_answered_by_the_version() -> None:
    found = scope(mesh_of(), "v3", signals(c503=30, URX=30), signals(20, c503=60))
    assert sides(found).startswith("v3 answers the errors itself")


# A mirror alone


def test_errors_of_copies_are_not_held_against_a_version_whose_callers_get_none() -> None:
    found = scope(mesh_of(COPIED), "v3", signals(4), signals(40, c503=120))
    assert sides(found) == (
        "v3 itself answers 30 % errors, callers see only 0 %: copies of the mirror (100 %) are "
        "among its answers."
    )


def test_a_version_answers_what_its_ratio_can_carry_copies_or_not() -> None:
    found = scope(mesh_of(COPIED), "v3", signals(6, c503=18), signals(40, c503=120))
    assert sides(found) == (
        "v3 answers the errors itself (503 1.8/s): callers see 30 %, its own proxy counts 30 %, "
        "mirrored copies included."
    )
    assert words(found, "503").startswith(
        "v3 answers it itself: its own proxy counts 12/s, mirrored copies included."
    )


def test_a_little_more_or_less_than_the_ratio_is_chance_with_copies_too() -> None:
    for seen in (10, 18, 24):
        found = scope(mesh_of(COPIED), "v3", signals(6, c503=seen), signals(40, c503=120))
        assert sides(found).startswith(f"v3 answers the errors itself (503 {seen / 10}/s)")


def test_what_the_servers_ratio_cannot_carry_is_left_open_with_copies() -> None:
    found = scope(mesh_of(COPIED), "v3", signals(20, c503=100), signals(80, c503=120))
    assert sides(found) == (
        "Callers see 50 % errors without a flag. The own proxy of v3 counts 15 %, mirrored copies "
        "included: which of these the callers got, its count does not tell."
    )
    assert words(found, "503").startswith(
        "No flag: most likely v3 answered it itself. Its own proxy counts 12/s, but mirrored "
        "copies included"
    )


def test_what_the_servers_count_cannot_hold_is_made_on_the_way_with_copies_too() -> None:
    found = scope(mesh_of(COPIED), "v3", signals(20, c503=100), signals(80, c503=10))
    assert "itself answers 1.2 %, mirrored copies included: the rest is made on" in sides(found)
    assert words(found, "503").startswith(
        "v3 itself answers 1.0/s of it at most, mirrored copies included; the rest is made on"
    )


# Both


def test_a_fault_and_a_mirror_together_are_told_apart() -> None:
    mesh = mesh_of({**COPIED, "fault": FAULT})
    found = whole(mesh, signals(39, c503=72, FI=54), signals(76, c503=110))
    assert sides(found) == (
        "Callers see 18.5 % errors: 13.8 % are made on the way (FI 5.4/s), 4.6 % are answered by "
        "reviews itself (503 1.8/s); its own proxy counts 14.5 %, mirrored copies included."
    )


def test_a_fault_beside_copies_that_fail_is_all_that_callers_see() -> None:
    mesh = mesh_of({**COPIED, "fault": FAULT})
    found = whole(mesh, signals(39, c503=54, FI=54), signals(76, c503=110))
    assert sides(found) == (
        "Callers see 13.8 % errors, all made on the way (FI 5.4/s); reviews itself answers "
        "14.5 %: copies of the mirror (100 %) are among its answers."
    )


# Whichever rule copies


def test_a_mirror_in_a_delegate_or_to_the_whole_host_counts_too() -> None:
    delegate = virtual_service("parts", {"route": [route("v1")], "mirror": TO_V3})
    del delegate["spec"]["hosts"]
    other = virtual_service(
        "ratings", {"route": [route("v1", host="ratings")], "mirror": {"host": "reviews"}}
    )
    for one in (delegate, other):
        mesh = mesh_of(more={"virtualservices": [one]})
        assert "copies of the mirror" in sides(_only_counted(mesh))
        idle = scope(mesh, "v3", Signals(), signals(40))
        assert headline(idle).endswith("yet v3 itself counts 40/s (mirror 100 %)")


def test_a_mirror_that_goes_elsewhere_or_is_off_excuses_nothing() -> None:
    off: dict[str, Any] = {"mirror": TO_V3, "mirrorPercentage": {"value": 0}}
    elsewhere = {"mirror": {"host": "reviews", "subset": "v1"}}
    for rule in (off, elsewhere):
        mesh = mesh_of({"route": [route("v1")], **rule})
        assert "copies of the mirror" not in sides(_only_counted(mesh))


def _only_counted(mesh: Mesh) -> VersionScope:
    return scope(mesh, "v3", signals(40), signals(40, c503=120))

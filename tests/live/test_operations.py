"""Plan, check, apply, conflict, undo and journal on any cluster with Istio's resources.

No pod and no proxy is needed. `KUBECONFIG=… pytest tests/live -o addopts=` runs it, in a namespace
that it makes and takes away; a context named `viewer`, if there is one, is one that may only look.
"""

from __future__ import annotations

import copy
import subprocess
from typing import Any

import pytest

from tests.lab.operator import GLANCE, Operator, Ran
from tests.live.conftest import GROUP, RULE, SPECS, VERSION, Place


def run(operator: Operator, place: Place, *words: str) -> Ran:
    window = GLANCE if "--yes" in words or "--dry-run" in words else ()
    return operator.run(*words, *window, "-n", place.namespace, "-o", "json")


def change(operator: Operator, place: Place, *words: str) -> Any:
    # Nothing runs there, so that each weight goes where nobody answers.
    ran = run(operator, place, *words, "--yes", "--force", "--no-verify")
    assert ran.status == 0, ran.err
    return ran.json


def weights(place: Place) -> list[int]:
    return [entry["weight"] for entry in place.spec()["http"][0]["route"]]


def test_a_dry_run_shows_the_change_and_writes_nothing(operator: Operator, place: Place) -> None:
    ran = run(operator, place, "shift", "reviews", "v2=50", "--dry-run")
    assert ran.status == 0, ran.err
    assert (ran.json["applied"], ran.json["change"]) == (False, None)
    assert [d["weight"] for d in ran.json["after"]["destinations"]] == [50, 50]
    assert any("v2 has no pod" in warning for warning in ran.json["warnings"])
    assert weights(place) == [90, 10]


def test_a_change_is_made_journaled_and_taken_back_to_the_letter(
    operator: Operator, place: Place
) -> None:
    before = place.spec()
    made = change(operator, place, "shift", "reviews", "v2=50")
    assert (made["applied"], made["verified"], weights(place)) == (True, None, [50, 50])
    taken_back = change(operator, place, "undo")
    assert place.spec() == before
    newest, oldest = run(operator, place, "journal").json["changes"]
    assert (newest["change"], newest["undoes"]) == (taken_back["change"], made["change"])
    assert (oldest["status"], oldest["undone_by"]) == ("written", taken_back["change"])


@pytest.mark.parametrize(
    ("words", "plural", "field"),
    [
        (("timeout", "reviews", "3s", "--retries", "2"), "virtualservices", "timeout"),
        (("fault", "reviews", "--abort", "503", "--header", "x=1"), "virtualservices", "fault"),
        (("mirror", "reviews", "--to", "v2"), "virtualservices", "mirror"),
        (("promote", "reviews", "v2"), "virtualservices", "'weight': 100"),
        (("breaker", "reviews", "--max-pending", "5"), "destinationrules", "http1MaxPending"),
        (("breaker", "reviews", "--subset", "v1", "--off"), "destinationrules", "subsets"),
    ],
)
def test_each_verb_is_accepted_and_undone(
    operator: Operator, place: Place, words: tuple[str, ...], plural: str, field: str
) -> None:
    before = place.spec(plural)
    told = change(operator, place, *words)
    assert field in str(place.spec(plural))
    if told["applied"]:
        change(operator, place, "undo")
    assert place.spec(plural) == before


def test_a_rollback_brings_back_what_was_stable(operator: Operator, place: Place) -> None:
    change(operator, place, "shift", "reviews", "v2=80")
    for _ in range(2):
        change(operator, place, "rollback", "reviews")
        assert weights(place) == [100, 0]


def question(asking: subprocess.Popen[str]) -> str:
    """What is shown until the question; the service has no pods, so its name is wanted."""
    assert asking.stderr is not None
    shown = ""
    while not shown.endswith("type reviews to apply it: "):
        character = asking.stderr.read(1)
        assert character, f"ended without a question: {shown}"
        shown += character
    return shown


def test_another_writer_is_a_conflict_and_is_shown(operator: Operator, place: Place) -> None:
    asking = operator.start("shift", "reviews", "v2=50", "-n", place.namespace)
    assert "danger: v2 has no pod" in question(asking)
    spec = copy.deepcopy(SPECS["virtualservices"][1])
    spec["http"][0]["timeout"] = "7s"
    place.replace_spec("virtualservices", spec)
    _, err = asking.communicate("reviews\n", timeout=60)
    assert asking.returncode == 3, err
    assert "timeout: 7s" in err
    assert place.spec()["http"] == [{**RULE, "timeout": "7s"}]
    (entry,) = run(operator, place, "journal").json["changes"]
    assert entry["status"] == "failed"


def test_an_undo_over_somebody_elses_change_shows_all_three(
    operator: Operator, place: Place
) -> None:
    change(operator, place, "timeout", "reviews", "3s")
    spec = place.spec()
    spec["http"][0]["timeout"] = "7s"
    place.replace_spec("virtualservices", spec)
    ran = run(operator, place, "undo", "--yes")
    assert ran.status == 3
    assert "was 15s, we left 3s, now 7s" in ran.err
    assert place.spec()["http"][0]["timeout"] == "7s"


def test_what_the_schema_refuses_is_refused(
    operator: Operator, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i 's/timeout: 15s/timeout: [15]/'")
    ran = run(operator, place, "edit", "vs/reviews", "--yes", "--no-verify")
    assert ran.status == 1
    assert "your edit is kept in" in ran.err
    assert place.spec()["http"] == [RULE]


def test_read_only_writes_nothing(operator: Operator, place: Place) -> None:
    assert run(operator, place, "--read-only", "promote", "reviews", "v2", "--yes").status == 4
    assert weights(place) == [90, 10]


def test_one_who_may_only_look_is_told_so(
    operator: Operator, place: Place, contexts: frozenset[str]
) -> None:
    if "viewer" not in contexts:
        pytest.skip("the kubeconfig has no context named viewer")
    ran = run(operator, place, "promote", "reviews", "v2", "--yes", "--context", "viewer")
    assert ran.status == 4, ran.err
    assert "you may not patch virtualservices" in ran.err
    assert weights(place) == [90, 10]


WRITES = (
    ("shift", "reviews", "v2=50"),
    ("promote", "reviews", "v2"),
    ("rollback", "reviews", "--to", "v1"),
    ("mirror", "reviews", "--to", "v2"),
    ("fault", "reviews", "--abort", "503"),
    ("timeout", "reviews", "3s"),
    ("breaker", "reviews", "--max-pending", "5"),
    ("breaker", "reviews", "--off"),
)


def versions(place: Place) -> list[str]:
    where = (GROUP, VERSION, place.namespace)
    return [
        place.custom.get_namespaced_custom_object(*where, plural, "reviews")["metadata"][
            "resourceVersion"
        ]
        for plural in SPECS
    ]


@pytest.mark.parametrize("words", WRITES, ids=lambda words: " ".join(words))
def test_a_dry_run_of_each_verb_leaves_the_versions(
    operator: Operator, place: Place, words: tuple[str, ...]
) -> None:
    before = versions(place)
    ran = run(operator, place, *words, "--dry-run")
    assert ran.status == 0, ran.err
    assert versions(place) == before


def test_a_dry_run_of_an_undo_leaves_the_versions(operator: Operator, place: Place) -> None:
    change(operator, place, "timeout", "reviews", "3s")
    before = versions(place)
    assert run(operator, place, "undo", "--dry-run").status == 0
    assert versions(place) == before


def test_a_misspelt_field_is_named_and_nothing_is_written(
    operator: Operator, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i 's/weight: 10/wieght: 40/'")
    before = versions(place)
    ran = run(operator, place, "edit", "vs/reviews", "--yes", "--no-verify")
    assert ran.status == 1
    assert "wieght" in ran.err
    assert versions(place) == before

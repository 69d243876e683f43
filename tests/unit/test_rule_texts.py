"""Which rules are decoded of those that came as text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshtui.kube.rule_texts import KINDS, RuleTexts
from meshtui.kube.shapes import pieces
from meshtui.kube.trim import trim

RULES, POLICIES = KINDS


def rule(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def texts(*rules: Any, escaped: bool = True) -> RuleTexts:
    page = json.dumps({"items": rules}, ensure_ascii=escaped).encode()
    return RuleTexts({RULES.key: pieces(page)["items"]})


def found(rules: RuleTexts, *names: str) -> list[str]:
    return [raw["metadata"]["name"] for raw in rules.naming(names)[RULES.key]]


def test_only_those_that_have_a_name_are_decoded_and_stay() -> None:
    rules = texts(*(rule(f"r-{n}", hosts=[f"svc-{n}.shop.svc.cluster.local"]) for n in range(20)))
    assert found(rules) == []
    assert found(rules, "svc-1") == ["r-1"]
    assert found(rules, "svc-12", "nobody") == ["r-1", "r-12"]
    assert found(rules) == ["r-1", "r-12"]


def test_they_are_what_trimming_leaves() -> None:
    whole = rule("r", hosts=["svc"], http=[{"route": [{"destination": {"host": "svc"}}]}])
    whole["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]
    assert texts(whole).naming(["svc"])[RULES.key] == (trim(RULES, whole),)
    assert texts(whole).naming(["svc"])[POLICIES.key] == ()


@pytest.mark.parametrize(
    "spec",
    [
        {"hosts": ["*"]},
        {"hosts": ["*.shop.svc.cluster.local"]},
        {"hosts": ["other"], "exportTo": ["."]},
        {"hosts": ["other"], "http": [{"match": [{"sourceLabels": {"app": "x"}}]}]},
        {"hosts": ["other"], "http": [{"match": [{"sourceNamespace": "x"}]}]},
        {"host": "other", "workloadSelector": {"matchLabels": {"app": "x"}}},
        {"hosts": ["SVC-1"]},
        {"hosts": [" svc-1 "]},
        {"hosts": ["other"], "tcp": [{"route": [{"destination": {"host": "svc-1"}}]}]},
    ],
)
def test_what_may_count_for_the_host_is_decoded(spec: dict[str, Any]) -> None:
    assert found(texts(rule("r", **spec)), "svc-1") == ["r"]


@pytest.mark.parametrize("escaped", [True, False])
def test_a_name_in_other_letters_is_decoded(escaped: bool) -> None:
    kelvin = rule("r", hosts=["\u212aelvin"])
    assert found(texts(kelvin, escaped=escaped), "kelvin") == ["r"]


def test_an_escaped_name_is_decoded() -> None:
    page = json.dumps({"items": [rule("r", hosts=["svc-1"])]}).replace("svc", "\\u0073vc")
    assert found(RuleTexts({RULES.key: pieces(page.encode())["items"]}), "svc-1") == ["r"]


@pytest.mark.parametrize("item", [None, 3, "svc-1", [], ["svc-1"]])
def test_what_is_no_object_is_left_out(item: Any) -> None:
    assert found(texts(item, rule("r", hosts=["svc-1"])), "svc-1") == ["r"]


@pytest.mark.parametrize("page", [b"[]", b"3", b"NaN"])
def test_a_page_of_another_shape_is_read_as_it_is(page: bytes) -> None:
    assert pieces(page) == pytest.approx(json.loads(page), nan_ok=True)


def test_text_that_is_no_text_is_refused() -> None:
    page = b'{"items": [{"metadata": {"name": "\xff"}}]}'
    with pytest.raises(ValueError, match="utf-8"):
        RuleTexts({RULES.key: pieces(page)["items"]})

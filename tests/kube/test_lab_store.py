"""The lab's object store, its kubeconfig and its certificate."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab_fixtures import ADMIN, VIEWER, pod

from meshtui.lab.api.ages import short_duration
from meshtui.lab.api.managed import from_fields, to_fields
from meshtui.lab.certs import self_signed
from meshtui.lab.contract import StoreEvent
from meshtui.lab.kubeconfig import write_kubeconfig
from meshtui.lab.store import Expired, Store


def test_what_is_put_gets_what_the_server_alone_decides() -> None:
    store = Store(revision=0, now=lambda: "2026-01-01T00:00:00Z")
    made = store.put("apps", "deployments", {"metadata": {"name": "d"}, "spec": {"replicas": 1}})
    meta = made["metadata"]
    assert (made["apiVersion"], made["kind"]) == ("apps/v1", "Deployment")
    assert (meta["resourceVersion"], meta["generation"]) == ("1", 1)
    assert meta["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert meta["uid"]


def test_replacing_keeps_identity_and_counts_generations() -> None:
    store = Store(revision=0)
    first = store.put("apps", "deployments", {"metadata": {"name": "d"}, "spec": {"replicas": 1}})
    first["status"] = {"readyReplicas": 1}
    second = store.put("apps", "deployments", first)
    second["spec"]["replicas"] = 2
    third = store.put("apps", "deployments", second)
    generations = [o["metadata"]["generation"] for o in (first, second, third)]
    versions = [o["metadata"]["resourceVersion"] for o in (first, second, third)]
    assert (generations, versions) == ([1, 1, 2], ["1", "2", "3"])
    assert first["metadata"]["uid"] == third["metadata"]["uid"]


def test_putting_what_is_there_already_tells_nobody() -> None:
    store, told = Store(), list[Any]()
    store.put("", "pods", pod())
    store.subscribe(told.append)
    store.put("", "pods", pod())
    store.remove("", "pods", "default", "nosuch")
    assert told == []


def test_subscribers_are_told_of_every_write_in_order() -> None:
    store, told = Store(), list[Any]()
    store.subscribe(lambda e: told.append((e.type, e.kind.plural, e.obj["metadata"]["name"])))
    store.put("", "pods", pod("a"))
    store.put("", "pods", pod("a", app="x"))
    store.remove("", "pods", "default", "a")
    assert told == [("ADDED", "pods", "a"), ("MODIFIED", "pods", "a"), ("DELETED", "pods", "a")]


def test_listeners_that_write_or_fail_do_not_disturb_the_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, told = Store(), list[Any]()

    def react(event: StoreEvent) -> None:
        if event.kind.plural == "pods":
            store.put("", "configmaps", {"metadata": {"name": "made"}})
            raise ValueError("a bug")

    store.subscribe(react)
    store.subscribe(lambda event: told.append(event.kind.plural))
    store.put("", "pods", pod())
    assert told == ["pods", "configmaps"]
    assert "a listener failed" in caplog.text


def test_what_is_handed_out_may_be_changed_without_harm() -> None:
    store = Store()
    given = pod()
    made = store.put("", "pods", given)
    given["spec"]["nodeName"] = made["spec"]["nodeName"] = "changed"
    store.objects("", "pods")[0]["spec"]["nodeName"] = "changed"
    found = store.get("", "pods", "default", "p1")
    assert found is not None
    assert found["spec"]["nodeName"] == "node-1"


def test_the_past_can_be_read_as_far_as_the_history_goes() -> None:
    store = Store(history=3, revision=0)
    kind = store.kind("", "pods")
    for n in range(1, 6):
        store.put("", "pods", pod(f"p{n}"))
    store.remove("", "pods", "default", "p1")
    assert [o["metadata"]["name"] for o in store.items_at(kind, 4)] == ["p1", "p2", "p3", "p4"]
    with pytest.raises(Expired) as gap:
        store.items_at(kind, 2)
    assert gap.value.oldest == 3


def test_a_new_store_does_not_know_the_versions_of_an_old_one() -> None:
    with pytest.raises(Expired):
        Store().since(1)


def test_field_sets_are_read_as_they_were_written() -> None:
    paths = {("spec",), ("spec", "a.b/c"), ("spec", "x", "y"), ("metadata", "labels", "f:z")}
    assert from_fields(to_fields(paths)) == paths


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (330, "5m30s"),
        (3599, "59m"),
        (11_100, "3h5m"),
        (100_000, "27h"),
        (200_000, "2d7h"),
        (30_000_000, "347d"),
        (70_000_000, "2y80d"),
        (400_000_000, "12y"),
    ],
)
def test_ages_read_as_in_kubectl(seconds: int, shown: str) -> None:
    assert short_duration(seconds) == shown


def test_the_kubeconfig_has_a_context_for_each_user_and_is_private(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "lab", "https://127.0.0.1:1", (ADMIN, VIEWER), "PEM")
    again = write_kubeconfig(tmp_path / "lab", "https://127.0.0.1:2", (ADMIN, VIEWER), "PEM")
    config = yaml.safe_load(path.read_text())
    assert path == again == tmp_path / "lab/kubeconfig"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config["current-context"] == "admin"
    assert [c["name"] for c in config["contexts"]] == ["admin", "viewer"]
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"
    assert [p.name for p in path.parent.iterdir()] == ["kubeconfig"]


def test_the_key_of_the_certificate_is_private(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    again = self_signed(tmp_path)
    assert stat.S_IMODE(again.key.stat().st_mode) == 0o600
    assert made.authority.startswith("-----BEGIN CERTIFICATE-----")
    assert again.server_context()

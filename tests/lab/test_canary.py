"""The autopilot on a real data plane: seen at the object, in the traffic and by other terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.errors import Exit
from meshtui.lab.process import RunningLab
from tests.lab import prometheus as server
from tests.lab.harness import ISTIO, Api, Mesh, Obj, served, to, until
from tests.lab.operator import Operator
from tests.lab.prometheus import Prometheus
from tests.lab.traffic import Traffic

VS = f"{ISTIO}/virtualservices/reviews"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/meshtui-canary-reviews"
PATIENCE_S = 120.0
WINDOW_S = 15
"""What the product counts in, of a Prometheus that scrapes every second."""
SERVICES = "/api/v1/namespaces/default/services"
PORTS = [{"name": "http", "port": 9080, "targetPort": 9080}]
QUICK = ("--steps", "50,100", "--every", "2s", "--interval", "1s", "--min-requests", "10")
STEPS = ["50 %", "100 %"]
SIDECARS = ("--prometheus", "none", "-o", "json")
ONE = ("--steps", "50", "--interval", "1s", "--min-requests", "10")


@pytest.fixture(scope="module", autouse=True)
def prometheus(lab: RunningLab) -> Iterator[Prometheus]:
    """Started before the first test, so that it has a window behind it when it is asked."""
    lab.send(1, via="productpage", host="reviews:9080")
    with server.running(Api(lab)) as found:
        yield found


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    mesh.write_rules(
        {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}
    )
    mesh.until_routed("all")
    return mesh


class Run:
    """A run in a process of its own; `lines` are the objects that it printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[Obj] = []
        self.err = ""
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append(json.loads(text))

    def _errors(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.err += text

    def until(
        self, phase: str, words: str = "", weight: float | None = None, trouble: str = ""
    ) -> Obj:
        """The first of its lines with this phase, words, weight and trouble."""

        def found() -> Obj | None:
            fitting = (
                line
                for line in list(self.lines)
                if line["phase"] == phase
                and words in line["sentence"]
                and trouble in line["trouble"]
                and weight in (None, line["step"]["weight"])
            )
            line = next(fitting, None)
            assert line or self.process.poll() is None, (self.err, self.lines[-1:])
            return line

        return dict(until(found, PATIENCE_S, f"{phase} {words}"))

    @property
    def phases(self) -> list[str]:
        return [line["phase"] for line in list(self.lines)]

    def end(self) -> int:
        self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join()
        return self.process.returncode


@contextmanager
def running(operator: Operator, *words: str, prometheus: str = "none") -> Iterator[Run]:
    """`canary …`; killed where the test ends before it."""
    run = Run(operator.start("canary", *words, "--prometheus", prometheus, "-o", "json"))
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
        run.end()


def climbing(operator: Operator, *words: str, **more: str) -> Any:
    return running(operator, "run", "reviews", "--to", "v3", "--yes", *words, **more)


def weights(mesh: Mesh) -> dict[str, int]:
    """By destination, as the object has it."""
    (rule,) = mesh.api.call("GET", VS)["spec"]["http"]
    return {
        r["destination"].get("subset") or r["destination"]["host"]: r.get("weight", 0)
        for r in rule["route"]
    }


def on_stable(mesh: Mesh) -> bool:
    """At the object and in the traffic."""
    return weights(mesh) == {"v1": 100, "v3": 0} and set(served(mesh.send(100))) == {"reviews-v1"}


def test_a_healthy_canary_is_promoted_and_a_second_driver_told_who_drives(
    rules: Mesh, operator: Operator
) -> None:
    with Traffic(rules.lab, "reviews"):
        dry = operator.run("canary", "run", "reviews", "--to", "v3", "--dry-run", *QUICK, *SIDECARS)
    assert (dry.status, "nothing was written" in dry.err) == (Exit.DONE, True), dry.err
    assert dry.json["sentence"].startswith("as it is now: ") and dry.json["ladder"] == STEPS
    assert weights(rules) == {"v1": 100, "v3": 0}
    assert operator.run("journal", "-o", "json").json["changes"] == []
    with Traffic(rules.lab, "reviews"), climbing(operator, *QUICK) as run:
        first = run.until("observing", weight=50)
        assert (weights(rules), first["ladder"]) == ({"v1": 50, "v3": 50}, STEPS)
        second = operator.run("canary", "run", "reviews", "--to", "v3", "--prometheus", "none")
        assert second.status == Exit.FAILED
        assert "a canary of reviews.default is driven by" in second.err
        assert len(second.err.splitlines()) == 1
        assert run.end() == Exit.DONE
    assert weights(rules) == {"v1": 0, "v3": 100}
    assert set(served(rules.send(100))) == {"reviews-v3"}
    last = run.lines[-1]
    assert (last["phase"], last["exit"]) == ("promoted", 0)
    assert last["canary"]["requests"] > 10
    (status,) = operator.run("canary", "status", "reviews", "-o", "json").json["canaries"]
    assert (status["phase"], status["driven_by"]) == ("promoted", None)


def test_twenty_percent_of_errors_are_found_within_two_intervals(
    rules: Mesh, operator: Operator
) -> None:
    rules.lab.set("reviews-v3", errors="20%")
    options = ("--steps", "50,100", "--every", "30s", "--interval", "4s")
    with Traffic(rules.lab, "reviews"), climbing(operator, *options) as run:
        assert run.end() == Exit.ROLLED_BACK
        assert on_stable(rules)
    counted = [line for line in run.lines if line["canary"]["requests"] and not line["exit"]]
    assert len([line for line in counted if line["phase"] == "observing"]) <= 1
    assert "gross failure" in run.lines[-1]["sentence"]


@contextmanager
def another_service(mesh: Mesh, name: str, *destinations: Obj) -> Iterator[None]:
    """A service on the pods of reviews, with a rule of its own."""
    spec = {"selector": {"app": "reviews"}, "ports": PORTS}
    mesh.api.call(
        "POST", SERVICES, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
    )
    meta = {"name": name, "namespace": "default"}
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    mesh.create("destinationrules", {"kind": "DestinationRule", "metadata": meta,
                                     "spec": {"host": name, "subsets": subsets}})  # fmt: skip
    rule = {"name": name, "retries": {"attempts": 0}, "route": list(destinations)}
    mesh.create("virtualservices", {"kind": "VirtualService", "metadata": meta,
                                    "spec": {"hosts": [name], "http": [rule]}})  # fmt: skip
    try:
        mesh.until_routed(name)
        yield
    finally:
        mesh.api.call("DELETE", f"{SERVICES}/{name}")


def test_five_percent_of_errors_and_slow_answers_are_found_side_by_side(
    rules: Mesh, operator: Operator, tmp_path: Path
) -> None:
    """Two services in one process, by a file of plans."""
    rules.lab.set("reviews-v3", errors="5%")
    rules.lab.set("reviews-v2", latency="80ms")
    every = {"steps": "50", "every": "60s", "interval": "1s", "min-requests": 10}
    plans = [
        {"service": "reviews", "to": "v3", **every},
        {"service": "shop", "to": "v2", "max-p99": "50ms", **every},
    ]
    (tmp_path / "plans.yaml").write_text(json.dumps(plans))
    routes = [{"destination": {"host": "shop", "subset": v}, "weight": w}
              for v, w in (("v1", 100), ("v2", 0))]  # fmt: skip
    words = ("run", "--plan", str(tmp_path / "plans.yaml"), "--yes")
    with (
        another_service(rules, "shop", *routes),
        Traffic(rules.lab, "reviews"),
        Traffic(rules.lab, "shop"),
        running(operator, *words) as run,
    ):
        assert run.end() == Exit.ROLLED_BACK
        assert on_stable(rules)
        assert set(served(rules.send(100, host="shop:9080"))) == {"reviews-v1"}
    ends = {line["service"]: line["sentence"] for line in run.lines if line["exit"] == 6}
    assert "evidence" in ends["reviews"]
    assert "slower than stable" in ends["shop"]
    assert "reviews rolled back" in run.err and "shop rolled back" in run.err


def test_as_bad_as_stable_it_is_frozen_until_a_person_decides(
    rules: Mesh, operator: Operator
) -> None:
    for version in ("v1", "v3"):
        rules.lab.set(f"reviews-{version}", errors="40%")
    with Traffic(rules.lab, "reviews"), climbing(operator, *ONE, "--every", "50s") as run:
        run.until("frozen", "not the canary's doing")
        assert weights(rules) == {"v1": 50, "v3": 50}
        held = operator.run("canary", "hold", "reviews")
        assert held.status == Exit.DONE, held.err
        run.until("on hold", "on hold by a person")
        rules.lab.set("reviews-v1", errors="0%")
        run.until("on hold", trouble="on hold, but it fails: ")
        assert weights(rules) == {"v1": 50, "v3": 50}
        (status,) = operator.run("canary", "status", "reviews", "-o", "json").json["canaries"]
        assert status["driven_by"] and status["phase"] == "on hold"
        assert operator.run("canary", "abort", "reviews").status == Exit.DONE
        assert run.end() == Exit.ROLLED_BACK
    assert on_stable(rules)


def test_an_idle_canary_is_held_and_goes_on_in_another_process(
    rules: Mesh, operator: Operator
) -> None:
    """Held for want of requests; ended by SIGTERM; killed on its way; each time it goes on."""
    rules.send(1)
    with climbing(operator, *QUICK) as run:
        run.until("on hold", "too few requests")
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == Exit.FAILED
    assert "`meshtui canary resume reviews` goes on" in run.err
    assert weights(rules) == {"v1": 50, "v3": 50}
    again = operator.run("canary", "run", "reviews", "--to", "v3", "--yes", "--prometheus", "none")
    assert "is unfinished, at 50 %" in again.err
    with Traffic(rules.lab, "reviews"):
        with running(operator, "resume", "reviews") as run:
            run.until("observing", weight=100)
            holder = rules.api.call("GET", LEASE)["spec"]["holderIdentity"]
            os.kill(int(holder.rpartition("/")[2]), signal.SIGKILL)
            run.end()
        with running(operator, "resume", "reviews") as run:
            assert run.end() == Exit.DONE
    assert set(served(rules.send(100))) == {"reviews-v3"}
    changes = operator.run("journal", "-o", "json").json["changes"]
    verbs = [change["verb"] for change in changes]
    assert sorted(verbs) == ["promote", "shift"]


def test_what_somebody_else_changes_is_not_written_over(rules: Mesh, operator: Operator) -> None:
    """A header is adopted, a weight pauses, all traffic taken away stops; nothing is jumped."""
    options = (*QUICK[2:], "--steps", "40,50,100")
    with Traffic(rules.lab, "reviews"), climbing(operator, *options[2:], *options[:2]) as run:
        run.until("observing", weight=40)
        rules.api.call("PATCH", VS, patched("/spec/http/0/timeout", "9s", "add"), "json-patch+json")
        run.until("observing", weight=50)
        rules.api.call("PATCH", VS, patched("/spec/http/0/route/1/weight", 45), "json-patch+json")
        run.until("on hold", "the canary's weight was changed")
        assert rules.api.call("GET", VS)["spec"]["http"][0]["timeout"] == "9s"
        rules.write_rules(
            {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}
        )
        assert run.end() == Exit.FAILED
    assert run.lines[-1]["phase"] == "stopped"
    assert weights(rules) == {"v1": 100, "v3": 0}


def patched(path: str, value: Any, op: str = "replace") -> list[Obj]:
    return [{"op": op, "path": path, "value": value}]


def test_a_shadow_is_judged_by_its_own_answers(rules: Mesh, operator: Operator) -> None:
    rules.lab.set("reviews-v3", errors="40%")
    options = (*ONE, "--every", "50s", "--shadow", "50s")
    with Traffic(rules.lab, "reviews") as traffic, climbing(operator, *options) as run:
        shadow = run.until("observing")
        assert (shadow["step"]["words"], shadow["step"]["weight"]) == ("shadow", 0)
        assert run.end() == Exit.ROLLED_BACK
    (rule,) = rules.api.call("GET", VS)["spec"]["http"]
    assert "mirrors" not in rule and "mirror" not in rule
    assert set(traffic.statuses) == {200}  # nobody but the copies met an error


def test_a_service_of_its_own_is_a_canary_too(rules: Mesh, operator: Operator) -> None:
    """Weights between two services."""
    spec = {"selector": {"app": "reviews", "version": "v3"}, "ports": PORTS}
    meta = {"name": "reviews-next", "namespace": "default"}
    rules.api.call("POST", SERVICES, {"metadata": meta, "spec": spec})
    try:
        rules.write_rules({
            "name": "two", "retries": {"attempts": 0},
            "route": [to("v1", 100), {"destination": {"host": "reviews-next"}, "weight": 0}],
        })  # fmt: skip
        rules.until_routed("two")
        words = ("run", "reviews", "--to", "reviews-next", "--yes", *QUICK)
        with Traffic(rules.lab, "reviews"), running(operator, *words) as run:
            assert run.end() == Exit.DONE, run.err
        assert weights(rules) == {"v1": 0, "reviews-next": 100}
        assert set(served(rules.send(100))) == {"reviews-v3"}
    finally:
        rules.api.call("DELETE", f"{SERVICES}/reviews-next")


def test_a_prometheus_that_stops_freezes_the_run_and_it_goes_on(
    rules: Mesh, operator: Operator, prometheus: Prometheus
) -> None:
    prometheus.until_scraped_for(WINDOW_S + 2)
    with Traffic(rules.lab, "reviews"):
        words = ("--steps", "50,100", "--every", "3s", "--interval", "1s", "--min-requests", "10")
        with climbing(operator, *words, prometheus=prometheus.url) as run:
            run.until("observing", weight=50)
            prometheus.pause()
            run.until("frozen", "telemetry broken")
            prometheus.resume()
            assert run.end() == Exit.DONE, run.err
    assert weights(rules) == {"v1": 0, "v3": 100}
    assert set(served(rules.send(100))) == {"reviews-v3"}


def test_another_build_goes_back_to_stable(rules: Mesh, operator: Operator) -> None:
    """Last: its pods come back with other names. For a moment those of both builds are ready."""
    with Traffic(rules.lab, "reviews"), climbing(operator, *ONE, "--every", "60s") as run:
        run.until("observing", weight=50)
        rebuild(rules, "2")
        assert run.end() == Exit.ROLLED_BACK
        assert on_stable(rules)
    rebuild(rules, None)
    assert "the canary is another build now" in run.lines[-1]["sentence"]


def rebuild(mesh: Mesh, build: str | None) -> None:
    relabel(mesh, "reviews-v3", build=build)


def relabel(mesh: Mesh, workload: str, **labels: str | None) -> None:
    """Another template for its pods; returns when only these are left."""
    path = f"/apis/apps/v1/namespaces/default/deployments/{workload}"
    patch = {"spec": {"template": {"metadata": {"labels": labels}}}}
    before = {pod["metadata"]["name"] for pod in mesh.api.pods("reviews")}
    mesh.api.call("PATCH", path, patch, "merge-patch+json")

    def rolled() -> bool:
        pods = {pod["metadata"]["name"] for pod in mesh.api.pods("reviews")}
        return len(pods) == len(before) and pods != before

    until(rolled, PATIENCE_S, "the old pods to be gone")


@contextmanager
def without_versions(mesh: Mesh) -> Iterator[None]:
    """The pods of v1 and v3 have a label `track` in place of their version."""
    tracks = {"v1": "stable", "v3": "next"}
    for version, track in tracks.items():
        relabel(mesh, f"reviews-{version}", version=None, track=track)
    try:
        yield
    finally:
        for version in tracks:
            relabel(mesh, f"reviews-{version}", version=version, track=None)


def test_a_canary_without_version_labels_is_promoted_and_the_next_rolled_back(
    rules: Mesh, operator: Operator
) -> None:
    """Telemetry has no version for these pods: their workloads tell them apart."""
    with without_versions(rules):
        names = [{"name": n, "labels": {"track": n}} for n in ("stable", "next")]
        rules.destination_rule(subsets=names)
        rules.route({"retries": {"attempts": 0}, "route": [to("stable", 100), to("next", 0)]})
        words = ("run", "reviews", "--to", "next", "--yes")
        with Traffic(rules.lab, "reviews"):
            with running(operator, *words, *QUICK) as run:
                half = run.until("observing", "errors of", weight=50)
                assert half["canary"]["requests"] and half["stable"]["requests"]
                assert run.end() == Exit.DONE, run.err
            assert weights(rules) == {"stable": 0, "next": 100}
            assert set(served(rules.send(100))) == {"reviews-v3"}
            rules.route({"retries": {"attempts": 0}, "route": [to("stable", 100), to("next", 0)]})
            rules.lab.set("reviews-v3", errors="40%")
            with running(operator, *words, *ONE, "--every", "50s") as run:
                assert run.end() == Exit.ROLLED_BACK, run.err
            assert weights(rules) == {"stable": 100, "next": 0}
            assert set(served(rules.send(100))) == {"reviews-v1"}

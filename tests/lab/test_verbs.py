"""Every verb on a real data plane: what the API server holds, the proxies serve, callers see."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import (
    ISTIO,
    Mesh,
    Obj,
    flags,
    served,
    statuses,
    to,
    until,
    within_three_sigma,
)
from tests.lab.operator import GLANCE, Operator

VS = f"{ISTIO}/virtualservices/reviews"
ENOUGH = 3000

SPECIAL: Obj = {
    "name": "testers",
    "match": [{"headers": {"end-user": {"exact": "jason"}}, "uri": {"prefix": "/special"}}],
    "rewrite": {"uri": "/rewritten"},
    "headers": {"response": {"add": {"x-special": "yes"}}},
    "retries": {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx"},
    "corsPolicy": {"allowOrigins": [{"exact": "https://example.com"}], "maxAge": "24h"},
    "route": [to("v2")],
}


def ordinary(v1: int = 100, v2: int = 0, v3: int = 0) -> Obj:
    return {
        "name": "all",
        "timeout": "15s",
        "retries": {"attempts": 0},
        "route": [to("v1", v1), to("v2", v2), to("v3", v3)],
    }


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    """A rule for testers above the ordinary one, with fields that no verb is about."""
    mesh.write_rules(SPECIAL, ordinary())
    mesh.until_routed("all")
    return mesh


def spec(mesh: Mesh) -> Obj:
    found: Obj = mesh.api.call("GET", VS)["spec"]
    return found


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def test_shift_moves_the_traffic_it_says_and_nothing_else(rules: Mesh, operator: Operator) -> None:
    told = operator.change("shift", "reviews", "v1=80", "v3=20")
    assert told["applied"] is True
    assert told["verified"] is True
    assert told["proxies"]["checked"] == told["proxies"]["in_sync"] > 0
    assert told["rule"] == {"name": "all", "index": 1}
    assert spec(rules)["http"] == [SPECIAL, ordinary(80, 0, 20)]
    rules.lab.reset()
    by_version = served(rules.send(ENOUGH))
    assert within_three_sigma(by_version["reviews-v3"], ENOUGH, 0.2)
    counted = rules.lab.counts()
    assert counted["reviews-v3"]["requests"] == by_version["reviews-v3"]


def test_mirror_copies_half_and_changes_no_answer(rules: Mesh, operator: Operator) -> None:
    operator.change("mirror", "reviews", "--to", "v2", "--percent", "50")
    rules.lab.reset()
    assert served(rules.send(2000)) == {"reviews-v1": 2000}
    until(lambda: rules.lab.counts()["reviews-v2"]["shadow"] > 800, what="shadow requests")
    shadows = rules.lab.counts()["reviews-v2"]["shadow"]
    assert within_three_sigma(shadows, 2000, 0.5)
    assert operator.change("mirror", "reviews", "--off")["verified"] is True
    assert spec(rules)["http"] == [SPECIAL, ordinary()]


def test_an_abort_is_the_callers_view(rules: Mesh, operator: Operator) -> None:
    operator.change("fault", "reviews", "--abort", "503", "--abort-percent", "10")
    watching = operator.start("services", "reviews", "--window", "4s", "-o", "json")
    answers: list[Any] = []
    while watching.poll() is None:
        answers += rules.send(200, "/aborted")
    assert within_three_sigma(statuses(answers)[503], len(answers), 0.1)
    assert {flags(line) for line in rules.log_lines('/aborted HTTP/1.1" 503 ')} == {"FI"}
    out, err = watching.communicate(timeout=30)
    (service,) = json.loads(out)["services"]
    versions = {v["version"]: v for v in service["versions"]}
    assert versions["unknown"]["state"] == "only errors", err
    assert versions["unknown"]["flags"].keys() == {"FI"}
    assert versions["v1"]["error_ratio"] == 0
    total = service["requests"]
    assert within_three_sigma(versions["unknown"]["requests"], total, 0.1)


def test_a_targeted_fault_leaves_ordinary_traffic_alone(rules: Mesh, operator: Operator) -> None:
    operator.change("fault", "reviews", "--abort", "418", "--header", "x-chaos-test=true")
    assert statuses(rules.send(50)) == {200: 50}
    assert statuses(rules.send(50, headers={"x-chaos-test": "true"})) == {418: 50}
    operator.change("fault", "reviews", "--off")
    assert spec(rules)["http"] == [SPECIAL, ordinary()]
    assert statuses(rules.send(50, headers={"x-chaos-test": "true"})) == {200: 50}


def test_undo_restores_the_spec_to_the_letter(rules: Mesh, operator: Operator) -> None:
    before = text(spec(rules))
    for verb in (
        ("shift", "reviews", "v2=35"),
        ("promote", "reviews", "v3"),
        ("mirror", "reviews", "--to", "v3"),
        ("fault", "reviews", "--delay", "100ms", "--abort", "500", "--abort-percent", "1"),
    ):
        operator.change(*verb)
        assert text(spec(rules)) != before
        assert operator.change("undo")["verified"] is True
        assert text(spec(rules)) == before


def test_rollback_leaves_everything_on_stable(rules: Mesh, operator: Operator) -> None:
    operator.change("shift", "reviews", "v1=40", "v3=60")
    operator.change("mirror", "reviews", "--to", "v2")
    operator.change("fault", "reviews", "--delay", "1s", "--delay-percent", "1")
    told = operator.change("rollback", "reviews")
    assert told["verified"] is True
    assert spec(rules)["http"] == [SPECIAL, ordinary()]
    assert served(rules.send(100)) == {"reviews-v1": 100}
    operator.change("undo")
    assert spec(rules)["http"][1]["route"][2]["weight"] == 60


def test_the_testers_rule_is_reached_by_name(rules: Mesh, operator: Operator) -> None:
    told = operator.change("shift", "reviews", "v3=50", "--rule", "testers")
    assert told["rule"] == {"name": "testers", "index": 0}
    assert spec(rules)["http"][1] == ordinary()


def test_a_dry_run_writes_nothing(rules: Mesh, operator: Operator) -> None:
    before = text(rules.api.call("GET", VS))
    ran = operator.run("shift", "reviews", "v3=50", "--dry-run", "-o", "json")
    assert (ran.status, ran.json["applied"], ran.json["change"]) == (0, False, None)
    assert text(rules.api.call("GET", VS)) == before


def wait_for_question(asking: subprocess.Popen[str]) -> None:
    assert asking.stderr is not None
    shown = ""
    while not shown.endswith("apply? [y/N] "):
        character = asking.stderr.read(1)
        assert character, f"ended without a question: {shown}"
        shown += character


def test_another_writer_between_plan_and_apply_is_a_conflict(
    rules: Mesh, operator: Operator
) -> None:
    asking = operator.start("shift", "reviews", "v3=50")
    wait_for_question(asking)
    rules.write_rules(SPECIAL, ordinary(90, 10, 0))
    between = text(spec(rules))
    _, err = asking.communicate("yes\n", timeout=60)
    assert asking.returncode == 3, err
    assert "was changed by somebody else" in err
    assert text(spec(rules)) == between
    (entry,) = operator.run("journal", "-o", "json").json["changes"]
    assert entry["status"] == "failed"


def test_no_answer_is_a_no(rules: Mesh, operator: Operator) -> None:
    before = text(spec(rules))
    ran = operator.run("promote", "reviews", "v3")
    assert ran.status == 1
    assert "nothing was written" in ran.err
    assert text(spec(rules)) == before


def test_the_viewer_may_look_and_not_touch(rules: Mesh, operator: Operator) -> None:
    before = text(rules.api.call("GET", VS))
    for verb in (
        ("shift", "reviews", "v3=50"),
        ("rollback", "reviews"),
        ("promote", "reviews", "v2"),
    ):
        ran = operator.run(*verb, *GLANCE, "--yes", "--context", "viewer")
        if verb[0] != "rollback":
            assert ran.status == 4, ran.err
            assert ran.err.count("\n") == 1
    assert text(rules.api.call("GET", VS)) == before
    assert operator.run("--read-only", "promote", "reviews", "v2", "--yes").status == 4
    assert operator.run("services", "--context", "viewer", "--window", "1s").status == 0


def test_wrong_words_are_told_in_one_line(rules: Mesh, operator: Operator) -> None:
    for words, status in (
        (("shift", "reviews", "v1"), 2),
        (("shift", "reviews", "v9=10", "--yes", *GLANCE), 1),
        (("shift", "reviewz", "v1=10", "--yes", *GLANCE), 1),
        (("shift", "reviews", "v1=80", "v2=40", "--yes", *GLANCE), 2),
        (("mirror", "reviews", "--yes"), 2),
        (("fault", "reviews", "--yes"), 2),
        (("undo", "nothing-like-it", "--yes"), 1),
        (("services", "--context", "moon"), 2),
        (("proxy", "routes", "nopod"), 1),
    ):
        ran = operator.run(*words)
        assert (ran.status, ran.out) == (status, ""), words
        assert ran.err.count("\n") == 1, ran.err


def test_a_dead_api_server_is_out_of_reach(operator: Operator) -> None:
    dead = operator.home / "dead"
    config = operator.kubeconfig.read_text().replace("https://127.0.0.1:", "https://127.0.0.1:1#")
    dead.write_text(config)
    ran = operator.run("shift", "reviews", "v1=80", "--yes", "--kubeconfig", str(dead))
    assert ran.status == 5, ran.err
    assert "cannot be reached" in ran.err


KILLED = """
import os, signal, sys
from meshtui.operations.change import apply as applying
write = applying.send
async def killed(*words, **more):
    if {after}:
        await write(*words, **more)
    os.kill(os.getpid(), signal.SIGKILL)
applying.send = killed
from meshtui.cli import main
main(["shift", "reviews", "v3=50", "--yes"])
"""


def shift_and_die(operator: Operator, *, after: bool) -> None:
    assert operator.run(code=KILLED.format(after=after)).status == -signal.SIGKILL


def test_a_kill_before_the_write_is_found_out(rules: Mesh, operator: Operator) -> None:
    shift_and_die(operator, after=False)
    assert spec(rules)["http"][1] == ordinary()
    ran = operator.run("promote", "reviews", "v2", "--yes")
    assert ran.status == 0
    assert "was interrupted: it was not written" in ran.err
    newest, interrupted = operator.run("journal", "-o", "json").json["changes"]
    assert (newest["verb"], newest["status"]) == ("promote", "verified")
    assert (interrupted["verb"], interrupted["status"]) == ("shift", "failed")


def test_a_kill_after_the_write_is_found_out_and_undone(rules: Mesh, operator: Operator) -> None:
    shift_and_die(operator, after=True)
    assert spec(rules)["http"][1] == ordinary(50, 0, 50)
    ran = operator.run("undo", "--yes")
    assert "was interrupted: it was written" in ran.err
    assert ran.status == 0
    assert spec(rules)["http"][1] == ordinary()


def test_logs_and_routes_are_the_proxies_own(rules: Mesh, operator: Operator) -> None:
    operator.change("shift", "reviews", "v1=75", "v2=25")
    rules.send(3, path="/logged-here")
    until(
        lambda: operator.run("logs", "reviews", "--code", "2xx").out.count("/logged-here") == 3,
        seconds=30,
    )
    routes = operator.run("proxy", "routes", "productpage-v1", "-o", "json").json["routes"]
    # Port 80 is that of the gateway's Service: its table has every HTTP host of the mesh.
    here = [r for r in routes if r["virtual_service"] == "default/reviews" and r["name"] == "all"]
    assert {r["config"] for r in here} == {"9080", "80"}
    (route,) = [r for r in here if r["config"] == "9080"]
    assert {d["subset"]: d["weight"] for d in route["destinations"]} == {"v1": 75, "v2": 25}
    assert route["virtual_service"] == "default/reviews"

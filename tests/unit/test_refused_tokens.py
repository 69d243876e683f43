"""401s: by the JWT filter or by the program, told by the proxies' access logs or not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.mesh.judging import OK, REFUSED
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Responder, Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import measured, structure
from meshtui.operations.look import evidence, refused_tokens
from meshtui.operations.look.refused_tokens import LoggedTokens
from tests.unit.explaining import signals
from tests.unit.objects import Obj, meta, pod, service

JWT: Obj = {"metadata": meta("jwt"), "spec": {"jwtRules": [{"issuer": "me@example.com"}]}}
V1, V2 = ("default", "reviews-v1"), ("default", "reviews-v2")

# As an Envoy 1.40 under istiod logged a token that it refused, and an answer of the program.
LINE = (
    '[2026-11-28T07:16:06.000Z] "GET /a HTTP/1.1" {code} - {details} - "-" 0 28 0 - "-" "curl" '
    '"c557ae9a" "api:9080" "10.0.0.1:9080" inbound|9080|| 127.0.0.6:53648 10.0.0.1:9080 '
    "10.0.0.9:57884 - default"
)
_DETAILS = "jwt_authn_access_denied{Jwt_issuer_is_not_configured}"
REFUSED_TOKEN = LINE.format(code=401, details=_DETAILS)
OWN = LINE.format(code=401, details="via_upstream")
FINE = LINE.format(code=200, details="via_upstream")


class Logs:
    """The logs of pods, and who was asked how often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = dict(answers), list[str]()
        self.now = 0.0
        monkeypatch.setattr(evidence, "log_lines", self._lines)
        self.supplement = LoggedTokens(cast("Cluster", None), clock=lambda: self.now)

    async def _lines(
        self, _cluster: object, pod: Any, *_limits: object
    ) -> tuple[list[str], MeshtuiError | None]:
        self.asked.append(pod.workload)
        answer = self.answers[pod.workload]
        return ([], answer) if isinstance(answer, MeshtuiError) else (answer, None)


def mesh_of(*tokens: Obj, partial: Mapping[str, frozenset[str]] | None = None) -> Mesh:
    from meshtui.mesh.parse import parse_mesh

    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1"), pod("reviews", "v2", number=2)],
            "requestauthentications": list(tokens),
        },
        partial=partial,
    )


def sample_of(mesh: Mesh, **more: Any) -> Sample:
    key = mesh.services[0].key
    counted = {
        Responder(key, version, "default", f"reviews-{version}"): signals(c200=90, **codes)
        for version, codes in (("v1", {"c401": 40}), ("v2", {}))
    }
    return Sample(1.0, "test", 10.0, called=counted, served=counted, **more)


def row_of(mesh: Mesh, sample: Sample) -> VersionView:
    (found,) = measured(structure(mesh, mesh.services), sample, Thresholds())
    return next(row for row in found.versions if row.version == "v1")


CASES: dict[str, tuple[Any, float | None, str, str]] = {
    "refused by the proxy": ([REFUSED_TOKEN, FINE], 40.0, REFUSED, ""),
    "by the program": ([OWN, FINE], 0.0, OK, ""),
    "by both": ([REFUSED_TOKEN, OWN, OWN, OWN], 10.0, "degraded", ""),
    "may not be read": (NotAllowed("forbidden"), None, OK, "pods/log may not be read"),
    "cannot be reached": (Unreachable("its node is away"), None, OK, "its node is away"),
    "holds none": ([FINE], None, OK, "the access log has no such answer"),
    "without details": (
        ['{"start_time":"2026-11-28T07:16:06.000Z","response_code":401,"upstream_cluster":'
         '"inbound|9080||","downstream_local_address":"10.0.0.1:9080"}'],
        None, OK, "the access log has no response code details",
    ),
    "of another kind": (["POST /a gave 401 in 3"], None, OK, "a format that is not known"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_the_log_decides_who_answered(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    lines, refused, state, why = CASES[case]
    mesh = mesh_of(JWT)
    logs = Logs(monkeypatch, {"reviews-v1": lines})
    before = sample_of(mesh)
    sample = await logs.supplement(mesh, before)
    assert logs.asked == ["reviews-v1"]  # the other one has no such answers
    row = row_of(mesh, sample)
    assert sample.tokens.get(V1) == refused
    assert row.caller is not None and row.caller.refused == (refused or 0.0)
    assert row.state == state
    known = refused is not None
    assert bool(row.undecided) != known
    if not known:
        assert row.undecided.startswith("401s may be by RequestAuthentication jwt: ")
        assert why in row.undecided
    total = sample.caller_totals.get(mesh.services[0].key)
    assert total is None or total.refused == (refused or 0.0)


async def test_nothing_is_read_where_no_proxy_can_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"metadata": meta("jwt", "shop"), "spec": JWT["spec"]}
    for mesh, more in (
        (mesh_of(), {}),
        (mesh_of(elsewhere), {}),
        (mesh_of(JWT), {"tokens": {V1: 3.0}}),  # its proxies count it
    ):
        logs = Logs(monkeypatch, {})
        sample = sample_of(mesh, **more)
        found = await logs.supplement(mesh, sample)
        assert logs.asked == [] and dict(found.tokens) == more.get("tokens", {})
        assert row_of(mesh, found).undecided == ""


async def test_policies_that_cannot_be_read_leave_it_to_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mesh = mesh_of(partial={"requestauthentications": frozenset()})
    logs = Logs(monkeypatch, {"reviews-v1": [REFUSED_TOKEN]})
    row = row_of(mesh, await logs.supplement(mesh, sample_of(mesh)))
    assert (row.state, row.undecided) == (REFUSED, "")
    silent = Logs(monkeypatch, {"reviews-v1": [FINE]})
    row = row_of(mesh, await silent.supplement(mesh, sample_of(mesh)))
    assert row.undecided == (
        "401s may be by a RequestAuthentication, which can't be read: the access log has no such "
        "answer"
    )


async def test_what_was_read_lately_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = mesh_of(JWT)
    logs = Logs(monkeypatch, {"reviews-v1": [REFUSED_TOKEN]})
    for now, asked in ((0.0, 1), (refused_tokens.FRESH_S / 2, 1), (refused_tokens.FRESH_S, 2)):
        logs.now = now
        found = await logs.supplement(mesh, sample_of(mesh))
        assert len(logs.asked) == asked and found.tokens[V1] == 40.0

"""A request is followed from pod to pod, by what the lines themselves name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.envoy.hops import Hop
from meshtui.envoy.logline import LogLine
from meshtui.errors import MeshtuiError, NotAllowed, Refused
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.request import follow
from meshtui.operations.request.follow import FollowedRequest, follow_request

ID = "d71fc676-a2ca-4f32-bf5b-ea0895e1ff13"
NAMES = ("gate", "page", "reviews", "idle")
PODS = {
    name: Pod(
        "shop", f"{name}-0", f"10.0.0.{n}", "Running", workload=name,
        containers=(name, "istio-proxy"), proxy_container="istio-proxy",
    )
    for n, name in enumerate(NAMES)
}  # fmt: skip
MESH = Mesh(pods=tuple(PODS.values()))


def line(
    begin: float, took: int, host: str, cluster: str, remote: str, request_id: str = ID
) -> str:
    return (
        f'[2026-08-01T12:00:{begin:06.3f}Z] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 1 {took}'
        f' 1 "-" "ua" "{request_id}" "page:9080" "{host}" {cluster} 10.0.0.9:1 10.0.0.9:2'
        f" {remote} - -"
    )


def sent(to: str, begin: float, took: int, **more: Any) -> str:
    return line(begin, took, f"{PODS[to].ip}:9080", f"outbound|9080||{to}", "1.2.3.4:5", **more)


def came(by: str, begin: float, took: int) -> str:
    return line(begin, took, "127.0.0.6:1", "inbound|9080||", f"{PODS[by].ip}:4242")


LOGS: dict[tuple[str, str], list[str] | MeshtuiError] = {
    ("gate", "istio-proxy"): [sent("page", 0, 100), sent("idle", 1, 1, request_id="another")],
    ("page", "istio-proxy"): [came("gate", 0.002, 90), sent("reviews", 0.01, 50)],
    ("page", "page"): [f"handled {ID} in 88 ms", "something else"],
    ("reviews", "istio-proxy"): ["proxy starts", came("page", 0.012, 40)],
}


class Cluster:
    """Containers' logs; `asked` are those that were read."""

    def __init__(self, logs: dict[tuple[str, str], list[str] | MeshtuiError]) -> None:
        self.logs, self.asked = logs, list[tuple[str, str]]()

    async def lines(
        self, path: str, params: dict[str, str], *, silence: float | None
    ) -> AsyncGenerator[bytes, None]:
        place = path.split("/")[-2].removesuffix("-0"), params["container"]
        assert params["sinceTime"] == "2026-08-01T11:59:00Z" and "tailLines" not in params
        self.asked.append(place)
        found = self.logs.get(place, [])
        if isinstance(found, MeshtuiError):
            raise found
        for text in found:
            yield f"2026-08-01T12:00:00.5Z {text}".encode()


async def followed(text: str, pod: str = "page", **logs: Any) -> tuple[FollowedRequest, Cluster]:
    cluster = Cluster({**LOGS, **{(name, "istio-proxy"): log for name, log in logs.items()}})
    found = await follow_request(cluster, MESH, LogLine("shop", f"{pod}-0", "v1", text))  # type: ignore[arg-type]
    return found, cluster


def names(hops: tuple[Hop, ...]) -> str:
    return " ".join(
        f"{hop.sent.pod.workload if hop.sent else '?'}>"
        f"{hop.received.pod.workload if hop.received else '?'}({names(hop.caused)})"
        for hop in hops
    )


@pytest.mark.parametrize("start", ["gate", "page", "reviews"])
async def test_from_any_of_its_lines_the_whole_request_is_found(start: str) -> None:
    log = LOGS[start, "istio-proxy"]
    assert isinstance(log, list)
    text = next(one for one in log if ID in one)
    found, cluster = await followed(text, start)
    assert names(found.hops) == "gate>page(page>reviews())"
    assert [one.text for one in found.hops[0].lines] == [f"handled {ID} in 88 ms"]
    assert {name for name, _ in cluster.asked} == {"gate", "page", "reviews"}
    assert found.troubles == ()


async def test_the_gateway_is_found_though_servers_see_the_client_outside() -> None:
    outside = line(0.002, 90, "127.0.0.6:1", "inbound|9080||", "203.0.113.9:4242")
    own = LOGS["page", "istio-proxy"]
    assert isinstance(own, list)
    gate = replace(PODS["gate"], gateway=True)
    mesh = Mesh(pods=(gate, *(pod for name, pod in PODS.items() if name != "gate")))
    cluster = Cluster({**LOGS, ("page", "istio-proxy"): [outside, *own[1:]]})
    text = LogLine("shop", "page-0", "v1", outside)
    found = await follow_request(cluster, mesh, text)  # type: ignore[arg-type]
    assert names(found.hops) == "gate>page(page>reviews())"


async def test_a_log_that_cannot_be_read_is_named_and_the_rest_is_there() -> None:
    denied = NotAllowed("pods/log of reviews-0 is forbidden", "ask")
    found, _ = await followed(came("gate", 0.002, 90), reviews=denied)
    assert names(found.hops) == "gate>page(page>?())"
    assert found.troubles == (str(denied),)


async def test_a_pod_that_is_gone_is_named() -> None:
    found, _ = await followed(came("gate", 0.002, 90), "gone")
    assert names(found.hops) == "gate>page(page>reviews())"
    assert found.troubles == ("shop/gone-0 is gone, and its log with it",)


@pytest.mark.parametrize("text", [sent("page", 0, 1, request_id="-"), "no access log at all", ""])
async def test_a_line_without_an_id_leads_nowhere(text: str) -> None:
    with pytest.raises(Refused, match="no request id"):
        await followed(text)


async def test_no_more_is_read_than_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MOST_PODS", 2)
    found, cluster = await followed(sent("page", 0, 100), "gate")
    assert len({name for name, _ in cluster.asked}) == 2 and found.left_out == 1
    monkeypatch.setattr(follow, "MOST_RECORDS", 3)
    many = [sent("page", 0, 1) for _ in range(9)]
    found, _ = await followed(many[0], "gate", gate=many)
    assert "more than 3 requests have this id" in found.troubles and len(found.hops) == 3

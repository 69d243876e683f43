"""What `meshtui proxy` prints, and the status it ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from meshtui.cli.proxies import _diff, _show
from meshtui.errors import Exit
from meshtui.mesh.model import ServiceKey
from meshtui.operations.proxies.matrix import Matrix, Row
from tests.ui.fake import FakeCockpit

KEY = ServiceKey("bookinfo", "reviews")
VIEWS = ("routes", "clusters", "endpoints", "listeners")


@pytest.fixture
def cockpit() -> FakeCockpit:
    return FakeCockpit()


async def shown(cockpit: FakeCockpit, view: str, form: str) -> None:
    pod = next(pod for pod in cockpit.mesh.pods if pod.app == "productpage")
    _show(await cockpit.proxies.read(view, pod, None), form)


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        ("routes", "NAME VHOST NAME DOMAINS MATCH VIRTUAL SERVICE DESTINATIONS MIRRORS"),
        ("clusters", "SERVICE FQDN PORT SUBSET DIRECTION TYPE DESTINATION RULE REQUESTS"),
        ("endpoints", "ENDPOINT STATUS OUTLIER CHECK CLUSTER SUBSET VERSION HEALTH"),
        ("listeners", "ADDRESS PORT MATCH DESTINATION DIRECTION"),
    ],
)
async def test_istioctls_columns_come_first(
    cockpit: FakeCockpit, capsys: pytest.CaptureFixture[str], view: str, columns: str
) -> None:
    await shown(cockpit, view, "table")
    head, *rows = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()).startswith(columns) and rows


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
async def test_documents_can_be_read_back(
    cockpit: FakeCockpit,
    capsys: pytest.CaptureFixture[str],
    view: str,
    form: str,
    load: Callable[[str], Any],
) -> None:
    await shown(cockpit, view, form)
    document = load(capsys.readouterr().out)
    assert document["namespace"] == "bookinfo" and document["pod"].startswith("productpage")
    assert document[view] and all(isinstance(entry, dict) for entry in document[view])


async def test_a_gauge_that_is_not_kept_is_null(
    cockpit: FakeCockpit, capsys: pytest.CaptureFixture[str]
) -> None:
    await shown(cockpit, "clusters", "json")
    base, *_, v3 = json.loads(capsys.readouterr().out)["clusters"]
    assert base["overflows"] is None and base["active"]["requests"] is None
    assert v3["overflows"] == {"pending": 31, "requests": 0}
    assert (v3["active"]["requests"], v3["limits"]["max_requests"]) == (12, 100)


@pytest.mark.parametrize(
    ("old", "trouble", "status"),
    [
        ({}, {}, Exit.DONE),
        ({"productpage": {"v1": 90, "v3": 10}}, {}, Exit.FAILED),
        ({"productpage": {"v1": 90, "v3": 10}}, {"ingressgateway": "x"}, Exit.FAILED),
        ({}, {"productpage": "\x1b[2J does not answer"}, Exit.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("form", ["table", "json"])
async def test_the_status_of_a_diff(
    cockpit: FakeCockpit,
    capsys: pytest.CaptureFixture[str],
    old: dict[str, dict[str, int]],
    trouble: dict[str, str],
    status: Exit,
    form: str,
) -> None:
    cockpit.proxies.old, cockpit.proxies.trouble = old, trouble
    proxies: Any = cockpit.proxies
    assert await _diff(proxies, proxies.matrix(KEY), form) is status
    out = capsys.readouterr().out
    if form == "json":
        assert json.loads(out)["in_sync"] is (status is Exit.DONE)
        return
    assert ("http[1]: route 2: weight of v1 is 80, the proxy has 90" in out) is bool(old)
    assert "\x1b" not in out and ("^[[2J does not answer" in out) is (status is Exit.UNREACHABLE)


async def test_a_proxy_without_its_route_differs_whoever_calls(
    cockpit: FakeCockpit, capsys: pytest.CaptureFixture[str]
) -> None:
    """istiod sends a route to every proxy that the rule is for, whether it calls or not."""
    real = cockpit.proxies.matrix(KEY)
    client = next(pod for pod in cockpit.mesh.pods if pod.app == "details")

    class Guessing:
        async def rows(self, matrix: Matrix, report: Callable[[Row], None]) -> None:
            from meshtui.operations.proxies.matrix import row_of

            report(row_of(cockpit.mesh, matrix, client, ()))

    for known in (False, True):
        guessed = frozenset() if known else frozenset({(client.namespace, client.name)})
        matrix = Matrix(real.service, real.rules, (client,), guessed)
        assert await _diff(Guessing(), matrix, "table") is Exit.FAILED  # type: ignore[arg-type]
        assert "absent" in capsys.readouterr().out


async def test_where_nothing_was_compared_nothing_is_said_to_be_in_sync(
    cockpit: FakeCockpit, capsys: pytest.CaptureFixture[str]
) -> None:
    real = cockpit.proxies.matrix(KEY)
    for matrix in (Matrix(real.service, real.rules), Matrix(real.service, (), real.pods)):
        assert await _diff(cockpit.proxies, matrix, "json") is Exit.DONE  # type: ignore[arg-type]
        assert json.loads(capsys.readouterr().out)["in_sync"] is None

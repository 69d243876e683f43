"""What a Prometheus of many wants to see: tenants, log-ins, and which cluster is meant."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.cli.options import options
from meshtui.errors import MeshtuiError, NotAllowed, Unreachable, Usage
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.metrics.choose import source_for
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_access import Access, parse_header
from meshtui.metrics.prometheus_url import UrlServer
from meshtui.metrics.scope import Scope, parse_matchers
from meshtui.metrics.worker import Worker
from tests.unit.fake_prometheus import Fake, requests_row, serving


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as found:
        found.requests = [requests_row(90)]
        yield found


async def sample_of(fake: Fake, access: Access) -> Sample:
    worker = Worker("prometheus-test")
    server = UrlServer(fake.url, worker, access)
    source = PrometheusSource(server, worker, scope=access.scope)
    try:
        return await source.sample(Mesh())
    finally:
        await source.close()


async def failure(fake: Fake, access: Access) -> MeshtuiError:
    with pytest.raises(MeshtuiError) as caught:
        await sample_of(fake, access)
    return caught.value


async def test_headers_and_a_token_go_with_every_query(fake: Fake, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    headers = (parse_header("X-Scope-OrgID: team-a"),)
    await sample_of(fake, Access(headers=headers, token_file=str(token)))
    assert len(fake.kinds) == 6
    assert set(fake.orgs) == {"team-a"}
    assert set(fake.auth) == {"Bearer s3cret"}


async def test_user_and_password_may_stand_in_a_file(fake: Fake, tmp_path: Path) -> None:
    file = tmp_path / "basic"
    file.write_text("ann:s3cret\n")
    await sample_of(fake, Access(basic_file=str(file)))
    assert set(fake.auth) == {"Basic YW5uOnMzY3JldA=="}


@pytest.mark.parametrize("text", [None, "", "two\nlines", "\x1b[31m"])
async def test_a_file_that_holds_no_token_is_named(
    fake: Fake, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    error = await failure(fake, Access(token_file=str(file)))
    assert isinstance(error, Unreachable) and str(file) in str(error)
    assert fake.asked == []


async def test_a_missing_tenant_is_said_in_the_servers_words(fake: Fake) -> None:
    fake.status, fake.body = 401, "no org id\n"
    error = await failure(fake, Access())
    assert isinstance(error, NotAllowed)
    assert "answers 401: no org id" in str(error) and "X-Scope-OrgID: TENANT" in str(error)


async def test_of_several_clusters_it_is_said_until_one_is_chosen(fake: Fake) -> None:
    fake.clients = [
        requests_row(1, source_workload="web", source_cluster=name, response_code="")
        for name in ("west", "east", "unknown")
    ]
    said = (await sample_of(fake, Access())).problems[0]
    assert said == (
        "numbers sum over 2 clusters (east, west): choose one with"
        " --prometheus-match 'source_cluster=\"east\"'"
    )
    for text in ('source_cluster="east"', 'cluster=~"east|west"'):
        chosen = Access(Scope(parse_matchers(text)))
        assert (await sample_of(fake, chosen)).problems == ()
    other = Access(Scope(parse_matchers('env="prod"')))
    assert (await sample_of(fake, other)).problems == (said,)


async def test_a_partial_answer_is_asked_for_and_its_warning_shown(fake: Fake) -> None:
    fake.warnings = ["No StoreAPIs matched for this query"]
    sample = await sample_of(fake, Access())
    assert sample.problems == ("Prometheus: No StoreAPIs matched for this query",)
    assert all(form["partial_response"] == "true" for form in fake.forms)


async def test_what_matches_nothing_names_the_matcher(fake: Fake) -> None:
    fake.age = 1e9
    error = await failure(fake, Access(Scope(parse_matchers('cluster="nope"'))))
    assert 'that fit cluster="nope"' in str(error)


@pytest.mark.parametrize("text", ["X-A", "X A: b", "X-A:", "Host: a", "X-A: b\r\nX-B: c", ": a"])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_header(text)


def test_one_way_to_log_in_is_enough() -> None:
    with pytest.raises(Usage, match="more than one way"):
        Access(token_file="a", basic_file="b")
    with pytest.raises(Usage, match="more than one way"):
        source_for(None, "http://u:p@h", Access(token_file="a"))  # type: ignore[arg-type]
    with pytest.raises(Usage, match="needs its URL"):
        source_for(None, "auto", Access(token_file="a"))  # type: ignore[arg-type]


def test_the_command_line_goes_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "meshtui").mkdir()
    (tmp_path / "meshtui" / "config.yaml").write_text(
        'prometheus_match: cluster="east"\n'
        "prometheus_headers: ['X-Scope-OrgID: a']\nprometheus_token_file: t\n"
    )
    access = options(Namespace()).access
    assert (str(access.scope), access.headers) == ('cluster="east"', (("X-Scope-OrgID", "a"),))
    assert access.token_file == "t"
    given = Namespace(prometheus_match=['cluster="west"'], prometheus_basic_file="b")
    access = options(given).access
    assert (str(access.scope), access.token_file, access.basic_file) == ('cluster="west"', "", "b")

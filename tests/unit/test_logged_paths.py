"""Which paths fail: what callers logged of a version, else what its own proxies did."""

from __future__ import annotations

import pytest

from meshtui.diagnosis.logged_paths import LoggedPaths, failing_paths, was_logged
from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.mesh.model import Pod, Service, ServiceKey
from meshtui.mesh.sides import CALLER
from meshtui.mesh.versions import VersionView
from meshtui.operations.look.evidence import answers
from meshtui.operations.look.failing_paths import _count, called, served

V1, V3 = Pod("default", "reviews-v1-0", "10.0.0.1"), Pod("default", "reviews-v3-0", "10.0.0.3")
ADDRESSES = {pod.ip: (pod.namespace, pod.name) for pod in (V1, V3)}
ROWS = {
    "v1": VersionView("v1", "v1", members=(V1,)),
    "v3": VersionView("v3", "v3", members=(V3,)),
    "bare": VersionView("v3", members=(V3,)),
}


def line(path: str, code: int, flags: str, host: str, cluster: str) -> AccessRecord:
    found = parse_line(
        f'[2026-08-01T12:00:00.000Z] "GET {path} HTTP/1.1" {code} {flags} via_upstream - "-" 0 1 2'
        f' 1 "-" "ua" "id" "reviews:9080" "{host}" {cluster} 10.0.0.9:1 10.0.0.1:9080 10.0.0.9:2'
        " - default"
    )
    assert found is not None
    return found


def sent(path: str, code: int, subset: str = "", pod: Pod | None = None) -> AccessRecord:
    """As the caller's proxy logs it; without a pod none was chosen."""
    host, flags = (f"{pod.ip}:9080", "-") if pod else ("-", "UH")
    name = f"outbound|9080|{subset}|reviews.default.svc.cluster.local"
    return line(path, code, flags, host, name)


def came(path: str, code: int) -> AccessRecord:
    return line(path, code, "-", "10.0.0.3:9080", "inbound|9080||")


def paths(*sent_by_caller: AccessRecord, own: tuple[AccessRecord, ...] = ()) -> LoggedPaths:
    found = LoggedPaths(1.0, proxies=1)
    _count(found, called(sent_by_caller, ADDRESSES))
    _count(found, served(own, V3))
    return found


def told(found: LoggedPaths, row: str) -> list[tuple[str, int, int]]:
    return [(one.path, one.failed, one.requests) for one in failing_paths(found, ROWS[row], 3)]


def test_the_path_that_fails_most_often_comes_first() -> None:
    found = paths(
        *(sent("/a?x=1", 503, "v3", V3) for _ in range(2)), *(sent("/a", 200, "v3", V3),),
        *(sent("/b", 500, "v3", V3) for _ in range(3)), sent("/c", 404, "v3", V3),
        sent("/d", 0, "v3", V3), sent("/e", 503, "v3", V3), sent("/a", 503, "v1", V1),
    )  # fmt: skip
    assert told(found, "v3") == [("/b", 3, 3), ("/a", 2, 3), ("/d", 1, 1)]
    assert told(found, "v1") == [("/a", 1, 1)]


def test_what_reached_no_pod_is_the_subsets_that_was_asked() -> None:
    found = paths(sent("/a", 503, "v3"), sent("/b", 503))
    assert told(found, "v3") == [("/a", 1, 1)]
    assert told(found, "v1") == [] and not was_logged(found, ROWS["v1"])


def test_without_subsets_it_is_whose_pod_answered() -> None:
    found = paths(sent("/a", 503, "", V3), sent("/a", 200, "", V1))
    assert told(found, "bare") == [("/a", 1, 1)]
    assert told(found, "v1") == [] and was_logged(found, ROWS["v1"])


def test_its_own_proxies_are_believed_where_no_caller_logged_anything() -> None:
    own = (came("/a", 503), came("/a", 200), came("/b", 500))
    assert told(paths(own=own), "v3") == [("/a", 1, 2), ("/b", 1, 1)]
    both = paths(sent("/a", 503, "v3", V3), own=own)
    assert told(both, "v3") == [("/a", 1, 1)], "a request that both logged counts once"
    late = paths(sent("/a", 200, "v3", V3), own=own)
    assert told(late, "v3") == [("/a", 1, 2), ("/b", 1, 1)]


@pytest.mark.parametrize("row", ["v1", "v3", "bare"])
def test_nothing_read_is_nothing_known(row: str) -> None:
    assert told(LoggedPaths(), row) == [] and not was_logged(LoggedPaths(), ROWS[row])


def test_a_headless_services_answers_are_the_pods_whatever_cluster_stands_in_the_line() -> None:
    """As a real istiod has it: the first weight's cluster is logged, the called pod answers."""
    lines = (sent("/a", 503, "v1", V3), sent("/a", 200, "v1", V1), sent("/b", 503, "v1"))
    found = LoggedPaths(1.0, proxies=1)
    _count(found, called(lines, ADDRESSES, headless=True))
    assert told(found, "v3") == [("/a", 1, 1)]
    assert told(found, "v1") == []


def test_what_explains_a_headless_services_errors_goes_by_the_pod_too() -> None:
    reviews = Service(ServiceKey("default", "reviews"), "reviews.default.svc.cluster.local")
    caller = Pod("default", "page-1", "10.0.0.9")
    text = sent("/a", 503, "v1", V3).raw
    ((answer, number),) = answers([text], caller, False, reviews, ADDRESSES).items()
    assert (answer.pod, answer.side, number) == ((V3.namespace, V3.name), CALLER, 1)

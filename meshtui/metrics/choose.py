"""Which source of golden signals is used, by the operator's word for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshtui.errors import Usage
from meshtui.metrics.prometheus_access import PLAIN, Access
from meshtui.verbs.prometheus import is_wanted

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.mesh.model import Mesh
    from meshtui.metrics.prometheus_service import ServiceServer
    from meshtui.metrics.prometheus_url import UrlServer
    from meshtui.metrics.source import MetricsSource, Supplement
    from meshtui.metrics.worker import Worker


def source_for(
    cluster: Cluster, wanted: str, access: Access = PLAIN, supplement: Supplement | None = None
) -> MetricsSource:
    """The source for `wanted`; nothing is connected or asked yet.

    A URL is that Prometheus and nothing else; `auto` is one that is found in the cluster, or the
    sidecars; `none` the sidecars. Raises Usage for any other word, and where there is something
    to log in with and no URL: the API server, through which one in the cluster is asked, does
    not pass it on.
    """
    from meshtui.metrics.sidecars import SidecarSource

    if not is_wanted(wanted):
        raise Usage(f"prometheus {wanted!r}: say auto, none or http://HOST:PORT")
    if wanted == "none":
        return SidecarSource(cluster, supplement=supplement)
    if wanted == "auto":
        from meshtui.metrics.auto import AutoSource

        if access.secret:
            hint = "give --prometheus http://HOST:PORT too"
            raise Usage("a log-in to Prometheus needs its URL: the API server passes none on", hint)
        find = partial(found_in, cluster, access=access, supplement=supplement)
        return AutoSource(find, SidecarSource(cluster, supplement=supplement))
    return _at_url(wanted, access, supplement)


def _at_url(url: str, access: Access, supplement: Supplement | None) -> MetricsSource:
    from meshtui.metrics.prometheus_url import UrlServer

    if access.secret and urlsplit(url).username is not None:
        raise Usage("Prometheus: more than one way to log in is given", "the URL has one, too")
    return _prometheus(lambda worker: UrlServer(url, worker, access), access, supplement)


def found_in(
    cluster: Cluster, mesh: Mesh, access: Access = PLAIN, supplement: Supplement | None = None
) -> Sequence[MetricsSource]:
    """A source for each service that looks like a Prometheus, the likeliest first."""
    from meshtui.metrics.discovery import places
    from meshtui.metrics.prometheus_service import ServiceServer

    return [
        _prometheus(partial(ServiceServer, cluster, place, access=access), access, supplement)
        for place in places(mesh)
    ]


def _prometheus(
    server_on: Callable[[Worker], UrlServer | ServiceServer],
    access: Access,
    supplement: Supplement | None,
) -> MetricsSource:
    """With a second way to it for the past and the callers, which samples do not wait for."""
    from meshtui.metrics.prometheus import PrometheusSource
    from meshtui.metrics.prometheus_past import PrometheusPast
    from meshtui.metrics.worker import Worker

    worker, second = Worker("prometheus"), Worker("prometheus-past")
    beside = server_on(second)
    past = PrometheusPast(beside, second, access.scope)
    return PrometheusSource(
        server_on(worker),
        worker,
        past=past,
        beside=beside,
        scope=access.scope,
        supplement=supplement,
    )

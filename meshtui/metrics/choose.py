"""Which source of golden signals is used, by the operator's word for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshtui.errors import Usage

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.mesh.model import Mesh
    from meshtui.metrics.source import MetricsSource

_URL = re.compile(r"https?://[^/?#\s]+[^?#\s]*", re.ASCII)


def is_wanted(text: str) -> bool:
    """Whether this is `auto`, `none`, or the URL of a Prometheus."""
    return text in ("auto", "none") or _URL.fullmatch(text) is not None


def source_for(cluster: Cluster, wanted: str) -> MetricsSource:
    """The source for `wanted`; nothing is connected or asked yet.

    A URL is that Prometheus and nothing else; `auto` is one that is found in the cluster, or the
    sidecars; `none` the sidecars. Raises Usage for any other word.
    """
    from meshtui.metrics.sidecars import SidecarSource

    if not is_wanted(wanted):
        raise Usage(f"prometheus {wanted!r}: say auto, none or http://HOST:PORT")
    if wanted == "none":
        return SidecarSource(cluster)
    if wanted == "auto":
        from meshtui.metrics.auto import AutoSource

        return AutoSource(lambda mesh: found_in(cluster, mesh), SidecarSource(cluster))
    return _at_url(wanted)


def _at_url(url: str) -> MetricsSource:
    from meshtui.metrics.prometheus import PrometheusSource
    from meshtui.metrics.prometheus_url import UrlServer
    from meshtui.metrics.worker import Worker

    worker = Worker("prometheus")
    return PrometheusSource(UrlServer(url, worker), worker)


def found_in(cluster: Cluster, mesh: Mesh) -> Sequence[MetricsSource]:
    """A source for each service that looks like a Prometheus, the likeliest first."""
    from meshtui.metrics.discovery import places
    from meshtui.metrics.prometheus import PrometheusSource
    from meshtui.metrics.prometheus_service import ServiceServer
    from meshtui.metrics.worker import Worker

    workers = [(place, Worker("prometheus")) for place in places(mesh)]
    return [
        PrometheusSource(ServiceServer(cluster, place, worker), worker) for place, worker in workers
    ]

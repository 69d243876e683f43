"""The JSON of `services` in several clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtui.cli.documents.sample import measured_json
from meshtui.cli.documents.services import service_document, signals_document
from meshtui.mesh.clusters import ClusterReading, ServiceSum
from meshtui.mesh.signals import Sample


def clusters_json(
    time: float,
    readings: Sequence[ClusterReading],
    samples: Mapping[str, Sample | None],
    added: Iterable[ServiceSum],
) -> dict[str, Any]:
    """Each service as in the document of one cluster, with `cluster`; `sums` are of those that
    stand in several, or may. A number that is not known is null."""
    begins = {one.name: measured_json(time, samples.get(one.name)) for one in readings}
    return {
        "time": measured_json(time, None)["time"],
        "clusters": [
            {"cluster": one.name, "error": one.unread or None, **begins[one.name]}
            for one in readings
        ],
        "services": [
            {"cluster": one.name, **service_document(view, samples.get(one.name))}
            for one in readings
            for view in one.views
        ],
        "sums": [_sum(one) for one in added],
    }


def _sum(found: ServiceSum) -> dict[str, Any]:
    return {
        "namespace": found.key.namespace,
        "name": found.key.name,
        "clusters": list(found.clusters),
        "unknown": [{"cluster": cluster, "because": why} for cluster, why in found.unknown],
        **signals_document(found.signals),
        "versions": [
            {
                "version": one.version,
                "pods": one.pods,
                "pods_ready": one.pods_ready,
                **signals_document(one.signals),
            }
            for one in found.versions
        ],
    }

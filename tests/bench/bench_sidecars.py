"""What a sample of a large mesh costs. Prints figures: `python tests/bench/bench_sidecars.py`."""

from __future__ import annotations

import asyncio
import resource
import time

from meshtui.mesh.model import Mesh, Pod
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource

PODS, SERIES, TICKS = 1000, 30, 6
OTHERS = "x" * 500
"""The labels that are not needed take most of the room."""

BOUNDS = ("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "5000", "10000", "+Inf")


class ManySidecars:
    """Each pod sends to ten services of three versions; counters grow by one a tick."""

    def __init__(self) -> None:
        self.count = 0

    async def get_text(
        self,
        path: str,
        params: dict[str, str],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> str:
        return self.text(int(path.split("/")[6].split(":")[0][1:]))

    def text(self, pod: int) -> str:
        return "".join(self._series(pod, number) for number in range(SERIES))

    def _series(self, pod: int, number: int) -> str:
        labels = (
            f'reporter="source",source_workload="w{pod}",source_workload_namespace="default",'
            f'destination_service_name="s{(pod + number // 3) % PODS}",'
            f'destination_service_namespace="default",destination_version="v{number % 3}",'
            f'request_protocol="http",response_code="200",response_flags="-",others="{OTHERS}"'
        )
        buckets = "".join(
            f'istio_request_duration_milliseconds_bucket{{{labels},le="{bound}"}} {self.count}\n'
            for bound in BOUNDS
        )
        return f"istio_requests_total{{{labels}}} {self.count}\n{buckets}"


async def main() -> None:
    cluster = ManySidecars()
    pods = tuple(
        Pod(
            "default",
            f"p{n}",
            ip=f"10.0.{n // 250}.{n % 250}",
            phase="Running",
            proxy_container="istio-proxy",
        )
        for n in range(PODS)
    )
    mesh = Mesh(pods=pods)
    source = SidecarSource(cluster, Limits(deadline_s=600))  # type: ignore[arg-type]
    await source.sample(mesh)
    size = len(cluster.text(0))
    for _ in range(TICKS):
        cluster.count += 1
        before = time.process_time()
        sample = await source.sample(mesh)
        spent = time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        megabytes = size * PODS / 1e6
        print(
            f"{PODS} sidecars, {megabytes:.0f} MB of statistics, {len(sample.caller)} versions: "
            f"{spent:5.2f} s CPU, {1000 * spent / megabytes:4.1f} ms/MB, {peak} MB at most"
        )


if __name__ == "__main__":
    asyncio.run(main())

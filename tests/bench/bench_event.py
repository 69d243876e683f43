"""What one watch event costs at a thousand services: `python tests/bench/bench_event.py [ROOT]`.

From the object that a watch brought to the services of the screen, for a pod that is ready or not
by turns, for a pod that comes or goes, for a VirtualService whose weights change, and for a
DestinationRule and a Service with other settings and labels. ROOT is the
work tree of another build to measure; run both side by side and compare the medians of their CPU
times. A build before `mesh/structure.py` reads everything anew, as it did on the screen's loop.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
ROOT = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from synthetic import objects  # noqa: E402

from meshtui.kube.resources import MESH_RESOURCES  # noqa: E402
from meshtui.kube.trim import trim  # noqa: E402
from meshtui.mesh.parse import parse_mesh  # noqa: E402
from meshtui.mesh.view import structure  # noqa: E402

try:
    from meshtui.mesh.parsed import ParsedObjects
    from meshtui.mesh.structure import Structure
except ImportError:  # an older build
    Structure = None  # type: ignore[assignment,misc]

SERVICES, EVENTS = 1000, 5
Items = dict[str, list[Any]]


def mesh_items() -> Items:
    kinds = {getattr(one, "key", one.plural): one for one in MESH_RESOURCES}
    items: Items = {}
    for made in objects(SERVICES, 3):
        plural = made.path.rpartition("/")[2]
        if plural in kinds:
            body = {**made.body, **({"status": made.status} if made.status else {})}
            items.setdefault(plural, []).append(trim(kinds[plural], body))
    return items


def reader() -> Callable[[Items], Any]:
    if Structure is None:
        return lambda items: structure(parse_mesh(items))
    parsed, followed = ParsedObjects(), Structure()
    return lambda items: followed.follow(parse_mesh(items, before=parsed))


def readiness(items: Items, turn: int) -> None:
    pod = items["pods"][4000]
    ready = {"type": "Ready", "status": "False" if turn % 2 else "True"}
    items["pods"][4000] = {**pod, "status": {**pod["status"], "conditions": [ready]}}


def scaling(items: Items, turn: int) -> None:
    if turn % 2:
        pod = items["pods"][0]
        name = f"{pod['metadata']['name']}-{turn}"
        items["pods"].insert(1, {**pod, "metadata": {**pod["metadata"], "name": name}})
    else:
        del items["pods"][1]


def weights(items: Items, turn: int) -> None:
    found = items["virtualservices"][500]
    first, rest = found["spec"]["http"]
    shares = zip(rest["route"], (90 - turn, 5 + turn, 5), strict=True)
    route = [{**one, "weight": weight} for one, weight in shares]
    spec = {**found["spec"], "http": [first, {**rest, "route": route}]}
    items["virtualservices"][500] = {**found, "spec": spec}


def limits(items: Items, turn: int) -> None:
    found = items["destinationrules"][500]
    pool = {"connectionPool": {"tcp": {"maxConnections": turn}}}
    items["destinationrules"][500] = {**found, "spec": {**found["spec"], "trafficPolicy": pool}}


def labels(items: Items, turn: int) -> None:
    found = items["services"][500]
    meta = {**found["metadata"], "labels": {"turn": str(turn)}}
    items["services"][500] = {**found, "metadata": meta}


def main() -> None:
    items, read = mesh_items(), reader()
    began = time.process_time()
    read(items)
    print(f"{ROOT.name}: all of it: {1000 * (time.process_time() - began):.0f} ms of CPU")
    for event in (readiness, scaling, weights, limits, labels):
        spent = []
        for turn in range(1, EVENTS + 1):
            event(items, turn)
            began = time.process_time()
            read(items)
            spent.append(time.process_time() - began)
        print(f"{ROOT.name}: {event.__name__}: {1000 * statistics.median(spent):.1f} ms of CPU")


if __name__ == "__main__":
    main()

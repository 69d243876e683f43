"""Layouts by chance on the lab: labels of the pods, Services of them, subsets, and rules.

What is asked of each is the same: no request is lost, and none counts twice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.lab.harness import Mesh, Obj

POD_LABELS = (
    "version",
    "app.kubernetes.io/version",
    "service.istio.io/canonical-revision",
    "role",
    "track",
)
VALUES = ("v1", "v2", "1.9", "2024-06", "latest", "stable", "Blue_7")
SUBSETS = ("v1", "old", "b-2", "latest")
OTHERS = ("reviews-canary", "critics")
GROUP = "x-group"


@dataclass(frozen=True)
class Laid:
    """What was chosen, for who reads of a failure; `services` can be sent to, reviews first."""

    labels: Mapping[str, Mapping[str, str]]
    services: tuple[str, ...]
    subsets: tuple[Obj, ...]
    rules: tuple[Obj, ...]


def laid_out(mesh: Mesh, seed: int) -> Laid:
    """Pods of any labels, and rules that are in force once it is back."""
    chance = random.Random(seed)
    pods = sorted(mesh.api.pods("reviews"), key=lambda pod: pod["metadata"]["name"])
    labels = {pod["metadata"]["name"]: _labels(chance) for pod in pods}
    for name, own in labels.items():
        mesh.relabel(name, {**dict.fromkeys(POD_LABELS), **own})
    known = tuple(labels.values())
    others = chance.sample(OTHERS, chance.randint(0, 2))
    for name in others:
        mesh.create_service(name, {"app": "reviews", **_part(chance, known)})
    subsets = [
        {"name": name, "labels": {**_part(chance, known), **_app(chance)}}
        for name in chance.sample(SUBSETS, chance.randint(1, 3))
    ]
    mesh.destination_rule(subsets=subsets)
    rules = _rules(chance, ["reviews", *others], [one["name"] for one in subsets])
    mesh.route(*rules)
    return Laid(labels, ("reviews", *others), tuple(subsets), tuple(rules))


def _labels(chance: random.Random) -> dict[str, str]:
    """Some of the labels that versions are told by, or none."""
    names = chance.sample(POD_LABELS, chance.choice((0, 1, 1, 2, 3)))
    return {name: chance.choice(VALUES) for name in names}


def _part(chance: random.Random, known: tuple[dict[str, str], ...]) -> dict[str, str]:
    """What a selector asks: labels that a pod has, or for once that none has."""
    if chance.random() < 0.1:
        return {"version": "nobody"}
    pod = chance.choice(known)
    return {name: pod[name] for name in chance.sample(sorted(pod), min(len(pod), 1))}


def _app(chance: random.Random) -> dict[str, str]:
    return {"app": "reviews"} if chance.random() < 0.3 else {}


def _rules(chance: random.Random, services: list[str], subsets: list[str]) -> list[Obj]:
    """One for everybody, and perhaps one before it for a group."""
    last = _rule(chance, services, subsets)
    if chance.random() < 0.5:
        return [last]
    match = [{"headers": {GROUP: {"exact": "a"}}}]
    return [{"match": match, **_rule(chance, services, subsets)}, last]


def _rule(chance: random.Random, services: list[str], subsets: list[str]) -> Obj:
    places = [*({"host": name} for name in services)]
    places += [{"host": "reviews", "subset": name} for name in subsets]
    chosen = chance.sample(places, chance.randint(1, min(3, len(places))))
    weights = [chance.randint(0, 9) for _ in chosen[1:]]
    routes = [
        {"destination": place, "weight": weight}
        for place, weight in zip(chosen, [chance.randint(1, 9), *weights], strict=True)
    ]
    rule: Obj = {"route": routes, "retries": {"attempts": 0}}
    if chance.random() < 0.3:
        rule |= {"mirror": chance.choice(places), "mirrorPercentage": {"value": 50}}
    return rule

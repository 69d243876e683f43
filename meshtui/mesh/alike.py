"""Pods of one workload say mostly the same, and what they say alike is held once.

A list has them one after the other, so each is compared with the one before it. Of 9,000 pods that
is a fifth of the memory that they take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshtui.mesh.pod_status import ContainerStatus

Names = tuple[str, ...]


class Said(NamedTuple):
    """What nobody changes of a pod once it is parsed."""

    labels: Mapping[str, str]
    containers: Names
    images: Names
    ports: Mapping[str, int]
    statuses: tuple[ContainerStatus, ...]


_last = [Said({}, (), (), {}, ())]


def held_once(said: Said) -> Said:
    """The same, with the parts of the pod before where they are equal."""
    before = _last[0]
    found = Said._make(old if new == old else new for new, old in zip(said, before, strict=True))
    _last[0] = found
    return found

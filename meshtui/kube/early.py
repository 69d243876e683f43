"""Kinds whose objects are parsed as they come, page by page, by commands that read a mesh once.

Pods and Deployments are nine tenths of a mesh. As dictionaries they are three times as large as
what is known of them in the end, and nobody changes them: only the parsed object is retained. What
it says is what parsing the trimmed dictionary says, for hostile objects too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshtui.kube.resources import DEPLOYMENTS, PODS
from meshtui.kube.trim import sound_metadata
from meshtui.mesh.model import Json
from meshtui.mesh.parse import early_deployment, early_pod
from meshtui.mesh.parsed import Parsed


def _sound(parse: Callable[[Json], Parsed]) -> Callable[[Json], Parsed]:
    return lambda raw: parse({**raw, "metadata": sound_metadata(raw.get("metadata"))})


EARLY: Mapping[str, Callable[[Json], Parsed]] = {
    PODS.plural: _sound(early_pod),
    DEPLOYMENTS.plural: _sound(early_deployment),
}
"""By plural name."""

"""Namespaces by their labels: what is in the ambient mesh, and whose routes a listener admits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.read import Json

METADATA_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; its labels have its name, too, as the API server gives it to them."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def selected(self, selector: Json) -> bool:
        """Whether a label selector means it; an operator that is not known means nothing."""
        wanted = read.obj(selector, "matchLabels")
        return all(self.labels.get(key) == value for key, value in wanted.items()) and all(
            self._fits(one) for one in read.objects(selector, "matchExpressions")
        )

    def _fits(self, expression: Json) -> bool:
        found = self.labels.get(read.text(expression, "key"))
        values = read.texts(expression, "values")
        match read.text(expression, "operator"):
            case "In":
                return found in values
            case "NotIn":
                return found not in values
            case "Exists":
                return found is not None
            case "DoesNotExist":
                return found is None
        return False


def parse_namespace(raw: Json) -> Namespace:
    meta = read.obj(raw, "metadata")
    name = read.text(meta, "name")
    return Namespace(name, {METADATA_NAME: name, **read.labels(meta, "labels")})

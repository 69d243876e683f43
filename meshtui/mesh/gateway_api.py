"""Objects of the Gateway API as far as routing asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshtui.mesh.istio import Json, Ref


@dataclass(frozen=True)
class HttpRoute:
    """An HTTPRoute; its rules are read from `raw` by whoever resolves them."""

    ref: Ref
    resource_version: str = ""
    created: str = ""
    raw: Json = field(default_factory=dict, compare=False, repr=False)

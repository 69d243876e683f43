"""What is read at all of the lists that are large: pods are nine tenths of what a mesh is.

A pod with a sidecar is 10 kB, of which `trim` keeps a tenth. Decoding only that takes a seventh of
the time and of the memory of decoding all. Of a Deployment it is the pods' template that nobody
looks at, of all of them which fields each manager wrote. The names are those of `trim`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypedDict

from meshtui.kube import trim
from meshtui.kube.resources import DEPLOYMENTS, PODS, SERVICES, Resource
from meshtui.mesh.json_text import Decoder, Piece, decode

Decode = Callable[[bytes], Any]


def decoder_of(resource: Resource) -> Decode:
    """How a page of a list is decoded."""
    shape = _SHAPES.get(resource.plural)
    return _decoder(resource.plural) if shape is not None else decode


def pieces(page: bytes) -> Any:
    """A page of a list, its items left as text; see `rule_texts`."""
    return _PIECES(page)


@cache
def _decoder(plural: str) -> Decode:
    return Decoder(_page_of(_SHAPES[plural]))


def _page_of(shape: Any) -> Any:
    metadata = _object("continue", "resourceVersion")
    return _mapping(kind=Any, apiVersion=Any, metadata=metadata, items=_list(shape))


def _object(*keys: str) -> Any:
    """An object of which these keys are read, with all that is in them."""
    return _mapping(**dict.fromkeys(keys, Any))


def _mapping(**types: Any) -> Any:
    return TypedDict("Shape", types, total=False)  # type: ignore[operator]


def _list(shape: Any) -> Any:
    return list[shape]


_CONTAINERS = _list(_object(*trim.CONTAINER, trim.ARGS))
_STATUSES = _list(_object(*trim.CONTAINER_STATUS))
_POD = _mapping(
    kind=Any,
    apiVersion=Any,
    metadata=_object(*trim.METADATA),
    spec=_mapping(
        **dict.fromkeys(trim.POD_SPEC, Any),
        containers=_CONTAINERS,
        initContainers=_CONTAINERS,
    ),
    status=_mapping(
        **dict.fromkeys(trim.POD_STATUS, Any),
        conditions=_list(_object(*trim.CONDITION)),
        containerStatuses=_STATUSES,
        initContainerStatuses=_STATUSES,
    ),
)
_SERVICE = _mapping(
    kind=Any, apiVersion=Any, metadata=_object(*trim.METADATA), spec=_object(*trim.SERVICE_SPEC)
)
_DEPLOYMENT = _mapping(
    kind=Any,
    apiVersion=Any,
    metadata=_object(*trim.METADATA),
    spec=_object(*trim.DEPLOYMENT_SPEC),
    status=Any,
)
_SHAPES: Mapping[str, Any] = {
    PODS.plural: _POD,
    SERVICES.plural: _SERVICE,
    DEPLOYMENTS.plural: _DEPLOYMENT,
}
_PIECES = Decoder(_page_of(Piece))

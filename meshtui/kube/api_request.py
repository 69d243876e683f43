"""One request to the API server, and whether it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh.json_text import decode
from meshtui.mesh.text import clean

# Questions that are asked by POST: https://kubernetes.io/docs/reference/access-authn-authz/
_REVIEW = re.compile(
    r"/apis/(authorization|authentication)\.k8s\.io/v[a-z0-9]+/(namespaces/[a-z0-9-]+/)?[a-z]+reviews"
)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request; `accept` is a media type, `body` anything JSON can hold.

    A parameter with several values is sent once for each.
    """

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request alone; none of them can be one that the connection itself sends."""

    decode: Callable[[bytes], Any] = decode
    """Reads the answer's JSON. Raises ValueError or RecursionError."""

    def __str__(self) -> str:
        return clean(f"{self.method} {self.path}", 160)

    @property
    def dry_run(self) -> bool:
        """Whether the server stores nothing of it.

        The options in the body of a DELETE replace all those of the query, `dryRun` too.
        """
        if self.method == "DELETE" and self.body is not None:
            return isinstance(self.body, Mapping) and self.body.get("dryRun") == ["All"]
        return self.params.get("dryRun") == "All"

    @property
    def writes(self) -> bool:
        """False for reads, for dry runs and for access reviews."""
        if self.method == "GET" or self.dry_run:
            return False
        return not (self.method == "POST" and _REVIEW.fullmatch(self.path))

"""Tells a request's id again in what proxies log of it.

Envoy writes into an id that is a UUID whether the request is traced: the fourteenth of its signs is
9, a or b where it is, and 4 where it is not (Istio has `use_request_id_for_trace_sampling` and
`pack_trace_reason` on). One request in a hundred thereby has another id at the next proxy.
"""

from __future__ import annotations

import re
from functools import lru_cache

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REASON = 14
"""Where the sign stands."""


def same_request(one: str, other: str) -> bool:
    """Whether two ids are one request's."""
    return untraced(one) == untraced(other)


def untraced(request_id: str) -> str:
    """The id without what says whether it is traced."""
    if not _UUID.fullmatch(request_id):
        return request_id
    return f"{request_id[:_REASON]}.{request_id[_REASON + 1 :]}"


@lru_cache(maxsize=64)
def in_line(request_id: str) -> re.Pattern[bytes]:
    """What finds the id in the bytes of a line, however it is traced."""
    if not _UUID.fullmatch(request_id):
        return re.compile(re.escape(request_id.encode()))
    before, after = request_id[:_REASON], request_id[_REASON + 1 :]
    return re.compile(re.escape(before.encode()) + b"[0-9a-f]" + re.escape(after.encode()))

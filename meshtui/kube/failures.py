"""What the API server answers when it does not do what was asked, as meshtui's named errors."""

from __future__ import annotations

import json
from typing import Any

from meshtui.errors import (
    Conflict,
    MeshtuiError,
    NotAllowed,
    NotFound,
    Refused,
    Unreachable,
)
from meshtui.mesh.text import clean

MESSAGE_LIMIT = 300
MAYBE_DONE_HINT = "it may have been done all the same: look before trying again"
_CAUSES_SHOWN = 5
_BEFORE_STORAGE = (b"failed calling webhook", b"failed to call webhook", b"admission webhook")


class Expired(MeshtuiError):
    """A resource version or continue token the server has forgotten (410): list again."""


class Unauthenticated(NotAllowed):
    """The server does not know who is asking (401)."""


class Unanswered(Unreachable):
    """A write was sent and no answer came back: it may or may not have been done."""


def failure(status: int, body: bytes, asked: str, server: str) -> MeshtuiError:
    """The error for an answer of `status` 300 or more to the request described by `asked`."""
    message = _message(_status_object(body), body)
    said = f"{asked}: {message}" if message else f"{asked}: the API server answered {status}"
    match status:
        case 401:
            return Unauthenticated(
                said, f"the credentials for {server} are not valid: log in again, then retry"
            )
        case 403:
            return NotAllowed(said, "ask for this right, or use a context that has it")
        case 404:
            return NotFound(said)
        case 409:
            return Conflict(said)
        case 410:
            return Expired(said)
        case 429 | 502 | 503 | 504:
            return Unreachable(said, f"{server} is busy or not ready ({status}): try again")
        case _:
            return Refused(said)


def maybe_done(status: int, body: bytes) -> bool:
    """Whether a write that was answered so may have been stored all the same.

    An API server answers 500 or 504 when etcd does not confirm in time, which etcd may still do;
    a failed admission webhook is a 500 too, and comes before anything is stored.
    """
    if status == 500:
        return not any(sign in body for sign in _BEFORE_STORAGE)
    return status in (502, 504)


def event_failure(status: object, asked: str, server: str) -> MeshtuiError:
    """The error for the Status object of a watch's ERROR event."""
    fields = status if isinstance(status, dict) else {}
    code = fields.get("code")
    return failure(
        code if isinstance(code, int) else 500, json.dumps(fields).encode(), asked, server
    )


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _message(status: dict[str, Any], body: bytes) -> str:
    # What is behind the proxy may say `error`, as a Prometheus does.
    message = status.get("message") or status.get("error")
    if isinstance(message, str) and message.strip():
        return clean(message.strip() + _causes(status, message), MESSAGE_LIMIT)
    text = body[: 4 * MESSAGE_LIMIT].decode("utf-8", "replace").strip()
    if status or not text:
        return ""
    if text.startswith("<"):
        return "an HTML page instead of an answer (is a proxy or a login page in between?)"
    return clean(text.splitlines()[0], MESSAGE_LIMIT)


def _causes(status: dict[str, Any], message: str) -> str:
    """The causes the message does not already tell."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    if not isinstance(causes, list):
        return ""
    told = [_cause(cause) for cause in causes if isinstance(cause, dict)]
    new = [cause for cause in told if cause and cause not in message]
    return f" ({'; '.join(new[:_CAUSES_SHOWN])})" if new else ""


def _cause(cause: dict[str, Any]) -> str:
    message, field = str(cause.get("message") or ""), str(cause.get("field") or "")
    return f"{field}: {message}" if field and field not in message and message else message or field

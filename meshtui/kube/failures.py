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
from meshtui.kube.denials import Denial, denial, policy_words, unknown_fields
from meshtui.mesh.text import clean

MESSAGE_LIMIT = 300
MAYBE_DONE_HINT = "it may have been done all the same: look before trying again"
_CAUSES_SHOWN = 5
_BEFORE_STORAGE = (b"failed calling webhook", b"failed to call webhook", b"admission webhook")
_REDIRECTS = range(300, 400)
_HINTS = {
    Denial.POLICY: "it is a rule of this cluster, not a missing right",
    Denial.RULE: "it is a rule of this cluster, not a missing right",
    Denial.TERMINATING: "the namespace is being deleted: nothing can be made in it",
    Denial.QUOTA: "the namespace's quota is used up",
}


class Expired(MeshtuiError):
    """A resource version or continue token the server has forgotten (410): list again."""


class Unauthenticated(NotAllowed):
    """The server does not know who is asking (401)."""


class Broken(Unreachable):
    """The connection broke, or the answer ends too soon: a read may be sent again."""


class ServerFailed(Unreachable):
    """The server has a fault of its own (500 and the like), which is not about what was asked."""


class Unanswered(Unreachable):
    """A write was sent and its outcome is not known: it may or may not have been done.

    No answer came, one that makes no sense, or one that may come after storing: the object tells.
    """


def failure(status: int, body: bytes, asked: str, server: str) -> MeshtuiError:
    """The error for an answer of `status` 300 or more to the request described by `asked`."""
    fields = _status_object(body)
    message = _message(fields, body)
    problem = f"{asked}: {message}" if message else f"{asked}: the API server answered {status}"
    why = denial(status, fields)
    if why in _HINTS:
        return Refused(problem, _HINTS[why])
    match status:
        case 401:
            return Unauthenticated(
                problem, f"the credentials for {server} are not valid: log in again, then retry"
            )
        case 403:
            return NotAllowed(problem, "ask for this right, or use a context that has it")
        case 404:
            return NotFound(problem)
        case 409 if why is Denial.CHANGED:
            return Conflict(problem)
        case 410:
            return Expired(problem)
        case 429 | 502 | 503 | 504:
            return Unreachable(problem, f"{server} is busy or not ready ({status}): try again")
    return _other(status, body, asked, server, problem)


def _other(status: int, body: bytes, asked: str, server: str, problem: str) -> MeshtuiError:
    if status in _REDIRECTS:
        return redirected(asked, server, status)
    if status >= 500 and not _before_storage(body):
        return ServerFailed(problem, f"{server} failed ({status}): try again")
    fields = unknown_fields(_text_of(_status_object(body)))
    return Refused(problem, "check how it is spelt" if "unknown field" in fields else "")


def redirected(asked: str, server: str, status: int) -> Unreachable:
    """An API server sends nobody elsewhere, and the credentials are for this address only."""
    return Unreachable(
        f"{server} answers {asked} with a redirect ({status}), which is not followed",
        "check server in the kubeconfig: is a proxy or a login page in between?",
    )


def maybe_done(status: int, body: bytes) -> bool:
    """Whether a write that was answered so may have been stored all the same.

    An API server answers 500 or 504 when etcd does not confirm in time, which etcd may still do,
    and a proxy in between 502, 503 or 504 when it loses the answer; a failed admission webhook
    is a 500 too, and comes before anything is stored.
    """
    return status >= 500 and not _before_storage(body)


def _before_storage(body: bytes) -> bool:
    return any(sign in body for sign in _BEFORE_STORAGE)


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


def _text_of(status: dict[str, Any]) -> str:
    # What is behind the proxy may say `error`, as a Prometheus does.
    message = status.get("message") or status.get("error")
    return message.strip() if isinstance(message, str) else ""


def _message(status: dict[str, Any], body: bytes) -> str:
    message = _text_of(status)
    if message:
        short = unknown_fields(message) or policy_words(message)
        return clean(short + _causes(status, message), MESSAGE_LIMIT)
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
    cause_texts = [_cause(cause) for cause in causes if isinstance(cause, dict)]
    new = [cause for cause in cause_texts if cause and cause not in message]
    return f" ({'; '.join(new[:_CAUSES_SHOWN])})" if new else ""


def _cause(cause: dict[str, Any]) -> str:
    message, field = str(cause.get("message") or ""), str(cause.get("field") or "")
    return f"{field}: {message}" if field and field not in message and message else message or field

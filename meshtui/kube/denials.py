"""Who says no: a missing right, the cluster's own rules, or another writer.

An admission webhook may answer with any status, 401, 404, 409 and 429 among them, and a
ValidatingAdmissionPolicy with 401, 403, 413 or 422: the message tells them from the API server's
own. Its words are those of
https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/admission/plugin/webhook/errors/statuserror.go
https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/admission/plugin/policy/validating/dispatcher.go
https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/endpoints/handlers/responsewriters/errors.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from meshtui.mesh import read

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_WEBHOOK = re.compile(rf"admission webhook {_QUOTED} denied the request")
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '[^']*'(?: with binding '[^']*')? denied request: "
)
_RIGHT = re.compile(rf"(?:forbidden: |^)User {_QUOTED} cannot ")
_QUOTA = ("exceeded quota: ", "status unknown for quota: ", "failed quota: ")
_TERMINATING = "NamespaceTerminating"
_STRICT = "strict decoding error: "


class Denial(Enum):
    """Why an API server refused a request, as far as its message tells."""

    POLICY = "policy"
    RIGHT = "right"
    TERMINATING = "terminating"
    QUOTA = "quota"
    RULE = "rule"
    CHANGED = "changed"
    OTHER = "other"


def denial(code: int, status: Mapping[str, Any]) -> Denial:
    """What the Status object of an answer 400 or more says."""
    message = read.text(status, "message")
    if _WEBHOOK.match(message) or _POLICY.search(message):
        return Denial.POLICY
    if code == 409:
        return _conflict(status)
    return _forbidden(status, message) if code == 403 else Denial.OTHER


def policy_words(message: str) -> str:
    """The message of a policy from its name on, without the object that the request names."""
    found = _POLICY.search(message)
    return message[found.start() :] if found else message


def unknown_fields(message: str) -> str:
    """The fields that strict validation does not know; "" where the message is of something else.

    The answer to a patch quotes the whole object before it comes to them.
    """
    _, found, fields = message.rpartition(_STRICT)
    return fields.strip() if found else ""


def _conflict(status: Mapping[str, Any]) -> Denial:
    """Somebody else's write, or one that has this name already."""
    changed = read.text(status, "reason") in ("Conflict", "AlreadyExists")
    return Denial.CHANGED if changed else Denial.OTHER


def _forbidden(status: Mapping[str, Any], message: str) -> Denial:
    reasons = {read.text(cause, "reason") for cause in _causes(status)}
    if _TERMINATING in reasons or "because it is being terminated" in message:
        return Denial.TERMINATING
    if any(words in message for words in _QUOTA):
        return Denial.QUOTA
    if _RIGHT.search(message) or " is forbidden: " not in message:
        return Denial.RIGHT
    return Denial.RULE


def _causes(status: Mapping[str, Any]) -> list[read.Json]:
    return read.objects(read.obj(status, "details"), "causes")

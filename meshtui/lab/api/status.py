"""Every way a request fails, as the `Status` a client gets, in a real server's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshtui.lab.api.kinds import Resource
from meshtui.lab.contract import Obj

_REJECTED = "the server rejected our request due to an error in our request"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with an object: `reason` is the machine's word, `field` the path."""

    reason: str
    message: str
    field: str

    def to_json(self) -> Obj:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request that fails with a Status."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def to_json(self) -> Obj:
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


class NoSuchPath(Exception):
    """A path nothing is served under: the answer is plain text, not a Status."""


def details_of(resource: Resource, name: str = "") -> Obj:
    details: Obj = {"name": name} if name else {}
    if resource.kind.group:
        details["group"] = resource.kind.group
    return details | {"kind": resource.kind.plural}


def success(resource: Resource, name: str, uid: str) -> Obj:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details_of(resource, name) | {"uid": uid},
    }


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, details_of(resource, name))


def method_not_allowed() -> ApiError:
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
    )


def not_acceptable(media: Sequence[str]) -> ApiError:
    message = f"only the following media types are accepted: {', '.join(media)}"
    return ApiError(406, "NotAcceptable", message)


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details_of(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details_of(resource, name))


def precondition(resource: Resource, name: str, why: str) -> ApiError:
    """As `conflict`, in the words of a deletion, which name the kind."""
    kind = resource.kind
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details: Obj = {"name": name, **({"group": kind.group} if kind.group else {})}
    message = f'Operation cannot be fulfilled on {subject} "{name}": {why}'
    return ApiError(409, "Conflict", message, details | {"kind": kind.kind})


def modified(resource: Resource, name: str) -> ApiError:
    return conflict(
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version "
        "and try again",
    )


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    message = f"Request entity too large: limit is {limit}"
    return ApiError(413, "RequestEntityTooLarge", message)


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return ApiError(415, "UnsupportedMediaType", message)


def rejected_patch() -> ApiError:
    """What a JSON Patch that does not apply gets: it names nothing."""
    return ApiError(422, "Invalid", _REJECTED, {})


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> ApiError:
    """An object that breaks its schema, or the rules every object has to keep."""
    kind = resource.kind
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    texts = [f"{c.field}: {c.message}" for c in causes]
    summary = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Obj = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details |= {"kind": kind.kind, "causes": [c.to_json() for c in causes]}
    return ApiError(422, "Invalid", f'{subject} "{name}" is invalid: {summary}', details)


def invalid_patch(cause: Cause) -> ApiError:
    """A patch whose result has fields that strict validation does not know."""
    message = f' "" is invalid: {cause.field}: {cause.message}'
    return ApiError(422, "Invalid", message, {"causes": [cause.to_json()]})


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    """Query parameters of a write that no server knows; `kind` is that of the options."""
    texts = "; ".join(f"{c.field}: {c.message}" for c in causes)
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [c.to_json() for c in causes]}
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {texts}', details)


def denied(webhook: str, why: str) -> ApiError:
    """An admission webhook that gives no reason of its own."""
    return ApiError(400, "", f'admission webhook "{webhook}" denied the request: {why}')


def bad_version(text: str) -> ApiError:
    """A resourceVersion that is no number: a real server takes it for a fault of its own."""
    return ApiError(500, "", f'strconv.ParseUint: parsing "{text}": invalid syntax')


def too_many_operations(count: int, limit: int) -> ApiError:
    message = (
        "Request entity too large: The allowed maximum operations in a JSON patch is "
        f"{limit}, got {count}"
    )
    return ApiError(413, "RequestEntityTooLarge", message)


def internal_error() -> ApiError:
    return ApiError(500, "InternalError", "Internal error occurred", {})


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def too_large_revision(asked: int, current: int) -> ApiError:
    """The client knows a later resourceVersion than the server has."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        {"causes": [cause], "retryAfterSeconds": 1},
    )

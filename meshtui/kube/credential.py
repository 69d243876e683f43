"""What a credential plugin answers: a token or a certificate, and until when it is good."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.kube.failures import Unauthenticated
from meshtui.mesh import read
from meshtui.mesh.text import clean

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
FORBIDDEN_TEXT = "\0"

_KIND = "ExecCredential"
_TRY_BY_HAND = "run `kubectl version` to see what the credential plugin wants"


@dataclass(frozen=True, slots=True)
class Credential:
    """`fields` stand for those of a kubeconfig's user; `expires` is None where it does not say."""

    fields: Mapping[str, str] = field(repr=False)
    expires: datetime | None = None

    def good_at(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


def credential_of(command: str, version: str, output: bytes) -> Credential:
    """Raises Unauthenticated, saying which part of the answer is not as it should be."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise failed(command, "it did not answer with JSON") from error
    kind, api_version = read.text(answer, "kind"), read.text(answer, "apiVersion")
    if kind != _KIND:
        raise failed(command, f"it answered with a {kind or 'thing'} instead of an {_KIND}")
    if api_version != version:
        raise failed(
            command, f"it answered with {api_version or 'no version'} instead of {version}"
        )
    status = answer.get("status")
    if not isinstance(status, dict):
        raise failed(command, "its answer has no status")
    return Credential(_fields(command, status), _expires(command, status))


def failed(command: str, why: str, hint: str = _TRY_BY_HAND) -> Unauthenticated:
    return Unauthenticated(
        f"cannot log in: the credential plugin {clean(command, 80)} failed: {clean(why, 300)}",
        hint or _TRY_BY_HAND,
    )


def _fields(command: str, status: Mapping[str, Any]) -> dict[str, str]:
    token = read.text(status, "token")
    certificate = read.text(status, "clientCertificateData")
    key = read.text(status, "clientKeyData")
    if bool(certificate) != bool(key):
        raise failed(command, "it gave only a certificate or only a key, not both")
    fields = {"token": token} if token else {}
    if certificate:
        fields["client-certificate-data"] = base64.b64encode(certificate.encode()).decode()
        fields["client-key-data"] = base64.b64encode(key.encode()).decode()
    if not fields:
        raise failed(command, "it gave neither a token nor a certificate")
    if not token.isprintable():
        raise failed(command, "its token has characters that no header may have")
    return fields


def _expires(command: str, status: Mapping[str, Any]) -> datetime | None:
    text = status.get("expirationTimestamp")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None:
        raise failed(command, f"its expirationTimestamp {clean(str(text), 60)!r} is not a time")
    return found if found.tzinfo else found.replace(tzinfo=UTC)

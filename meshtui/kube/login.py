"""What an API server is reached with: its address, whom it is trusted by, and who asks.

The kubernetes client reads all of this too, but importing it takes longer than a whole command
does otherwise: it is left to the log-in from a pod, and to the tests, which compare the two.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshtui.dataclass import dataclass
from meshtui.kube.address import basic_auth, without_userinfo

_HTTP = ("http://", "https://")

Authorization = Callable[[], Awaitable[str]]
"""The value of the header at this moment, empty for none. Raises OSError where it is a file's."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a session with the server rests on. Certificates and keys are PEM, empty for none."""

    host: str
    authority: bytes = b""
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    verified: bool = True
    server_name: str | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """What a request needs; `headers` are those to impersonate with.

    `expires` is when a plugin's credential is over; None where nobody knows.
    """

    connection: Connection
    authorization: Authorization
    headers: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) >= self.expires


def connection_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Connection:
    """From a kubeconfig's cluster and user. Raises ValueError or OSError for what is no use."""
    host = str(cluster.get("server") or "").rstrip("/")
    proxy = str(cluster.get("proxy-url") or "")
    if not host.startswith(_HTTP):
        raise ValueError(f"its server {host} is not an http(s) address")
    if proxy and not proxy.startswith(_HTTP):
        raise ValueError(f"its proxy-url {proxy} is not an http(s) address")
    _ = urlsplit(host).port  # A ValueError where it is no address.
    secure = host.startswith("https://")
    return Connection(
        without_userinfo(host),
        _pem(cluster, "certificate-authority") if secure else b"",
        _pem(user, "client-certificate") if secure else b"",
        _pem(user, "client-key") if secure else b"",
        not cluster.get("insecure-skip-tls-verify"),
        str(cluster.get("tls-server-name") or "") or None,
        proxy or None,
    )


def server_of(cluster: Mapping[str, Any]) -> str:
    """The API server's address, without the user and password that it may hold."""
    return without_userinfo(str(cluster.get("server") or "").rstrip("/"))


def authorization_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    """The header that a kubeconfig's user is known by; empty for none. Raises OSError."""
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = Path(str(user["tokenFile"])).read_text(encoding="utf-8")
    if token:
        return f"Bearer {token}".strip()
    if "username" in user and "password" in user:
        pair = f"{user['username']}:{user['password']}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return basic_auth(str(cluster.get("server") or ""))


def always(authorization: str) -> Authorization:
    async def now() -> str:
        return authorization

    return now


def tls_context(connection: Connection) -> ssl.SSLContext:
    """Raises OSError or ValueError where a certificate cannot be used."""
    # Comments beside the certificates may be in any characters; the certificates are ASCII.
    authority = connection.authority.decode("ascii", "ignore") if connection.authority else None
    context = ssl.create_default_context(cadata=authority)
    # kubectl accepts the certificate authorities of old clusters, which RFC 5280 does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if connection.certificate:
        _present(context, connection)
    if not connection.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _present(context: ssl.SSLContext, connection: Connection) -> None:
    """OpenSSL reads a certificate and its key from files only: for no longer than that."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="meshtui-") as folder:
        names = []
        for name, pem in (("certificate", connection.certificate), ("key", connection.key)):
            path = Path(folder) / name
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(pem)
            names.append(path)
        certificate, key = names
        context.load_cert_chain(certificate, key if connection.key else None)


def _pem(fields: Mapping[str, Any], name: str) -> bytes:
    """Data goes before a file."""
    data = fields.get(f"{name}-data")
    if data:
        return base64.standard_b64decode(data if isinstance(data, bytes) else str(data).encode())
    file = fields.get(name)
    return Path(str(file)).read_bytes() if file else b""

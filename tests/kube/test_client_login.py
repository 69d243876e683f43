"""A login is what the official client makes of the same kubeconfig, or of the same pod."""

from __future__ import annotations

import base64
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import incluster_config
from kubernetes.aio.config.kube_config import KubeConfigLoader

from meshtui.kube.credentials import log_in
from meshtui.kube.in_pod import log_in_from_pod
from meshtui.kube.kubeconfig import Context
from meshtui.kube.login import Connection, tls_context
from meshtui.lab.certs import self_signed

HTTPS = {"server": "https://10.0.0.1:6443/"}
DATA = base64.b64encode(b"some PEM").decode()
CONTEXT = Context("c", "c", "u", "default")

KUBECONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"server": "http://10.0.0.1/prefix/"}, {}),
    "token": (HTTPS, {"token": "t"}),
    "token and certificate": (
        HTTPS,
        {"token": "t", "client-certificate-data": DATA, "client-key-data": DATA},
    ),
    "token file": (HTTPS, {"tokenFile": "FILE"}),
    "user and password": (HTTPS, {"username": "me", "password": "pä"}),
    "token before password": (HTTPS, {"token": "t", "username": "me", "password": "p"}),
    "user alone": (HTTPS, {"username": "me"}),
    "authority's data": ({**HTTPS, "certificate-authority-data": DATA}, {}),
    "authority's file": ({**HTTPS, "certificate-authority": "FILE"}, {}),
    "data before file": (
        {**HTTPS, "certificate-authority-data": DATA, "certificate-authority": "/nowhere"},
        {},
    ),
    "certificate's files": (HTTPS, {"client-certificate": "FILE", "client-key": "FILE"}),
    "not over TLS": ({"server": "http://h"}, {"client-certificate": "FILE", "client-key": "FILE"}),
    "unverified": ({**HTTPS, "insecure-skip-tls-verify": True}, {}),
    "verified in words": ({**HTTPS, "insecure-skip-tls-verify": False}, {}),
    "another name": ({**HTTPS, "tls-server-name": "inner"}, {}),
    "through a proxy": ({**HTTPS, "proxy-url": "http://proxy:3128"}, {}),
}


@pytest.mark.parametrize("name", KUBECONFIGS)
async def test_a_kubeconfig_gives_what_the_official_client_reads(name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("what is in the file\n")
    cluster, user = (
        {key: str(file) if value == "FILE" else value for key, value in fields.items()}
        for fields in KUBECONFIGS[name]
    )
    login = await log_in(kubeconfig(cluster, user), CONTEXT, 60)
    official = await read_officially(kubeconfig(cluster, user))
    assert login.connection == Connection(
        official.host,
        contents(official.ssl_ca_cert),
        contents(official.cert_file),
        contents(official.key_file),
        official.verify_ssl,
        official.tls_server_name,
        official.proxy,
    )
    assert await login.authorization() == official.api_key.get("BearerToken", "").strip()


def kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }


async def read_officially(config: dict[str, Any]) -> Any:
    found = Configuration()
    await KubeConfigLoader(config, active_context="c").load_and_set(found)
    return found


def contents(path: str | None) -> bytes:
    return Path(path).read_bytes() if path else b""


async def test_a_pods_token_is_read_again_as_it_ages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first\n")
    authority.write_text("some PEM")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    login = log_in_from_pod()
    assert login.connection == Connection("https://[fd00::1]:443", b"some PEM")
    assert await login.authorization() == "bearer first"
    token.write_text("")
    aged(monkeypatch)
    with pytest.raises(OSError, match="empty"):
        await login.authorization()
    token.write_text("second")
    assert await login.authorization() == "bearer second"


def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the official client, an hour later."""
    real = incluster_config.datetime

    class Later(real.datetime):  # type: ignore[misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.datetime.now(tz) + real.timedelta(hours=1)

    class Clock:
        datetime, timedelta = Later, real.timedelta

    monkeypatch.setattr(incluster_config, "datetime", Clock)


def test_a_key_is_on_disk_for_nobody_else_and_no_longer_than_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certs").mkdir()
    made = self_signed(tmp_path / "certs")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    modes = []
    load = ssl.SSLContext.load_cert_chain

    def loaded(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        modes.append(stat.S_IMODE(key.stat().st_mode) | stat.S_IMODE(key.parent.stat().st_mode))
        load(context, certificate, key)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", loaded)
    pem, key = made.cert.read_bytes(), made.key.read_bytes()
    context = tls_context(Connection("https://h", pem + "# Größe".encode(), pem, key))
    assert len(context.get_ca_certs()) == 1
    assert modes == [0o700]
    assert list(folder.iterdir()) == []

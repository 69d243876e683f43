"""What the environment says about connections to a Prometheus: authorities, proxies, passwords."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from meshtui.errors import Unreachable
from meshtui.metrics.prometheus_session import Session

URL = "http://prometheus.example.com:9090"
SECURE = URL.replace("http:", "https:")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


def client(url: str) -> httpx.Client:
    return Session(url, "Prometheus")._http


def proxied(url: str) -> bool:
    found = client(url)
    return found._transport_for_url(httpx.URL(url)) is not found._transport


def test_neither_redirects_nor_retries() -> None:
    found = client(URL)
    assert not found.follow_redirects
    assert found._transport._pool._retries == 0  # type: ignore[attr-defined]


def test_the_proxy_of_the_environment_is_used_but_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    assert proxied(URL)
    for near in ("http://127.0.0.1:9090", "http://localhost:9090", "http://[::1]:9090"):
        assert not proxied(near)


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:1", "gopher://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(Unreachable, match="of the environment"):
        Session(URL, "Prometheus")


def test_a_file_of_authorities_that_holds_none_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(Unreachable, match="CA of the environment"):
        Session(SECURE, "Prometheus")


def test_over_plain_http_no_authority_is_trusted() -> None:
    for url, trusted in ((URL, False), (SECURE, True)):
        pool = client(url)._transport._pool  # type: ignore[attr-defined]
        assert bool(pool._ssl_context.get_ca_certs()) is trusted


def test_a_password_of_netrc_is_sent_unless_the_url_has_one(tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine prometheus.example.com login ann password s3cret\n")
    netrc.chmod(0o600)
    request = httpx.Request("POST", URL)
    auth = client(URL).auth
    assert auth is not None
    assert "Authorization" in next(auth.auth_flow(request)).headers
    assert client(URL.replace("//", "//bob:other@")).auth is None

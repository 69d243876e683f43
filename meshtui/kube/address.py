"""URLs of a kubeconfig: names and passwords in them are for the server, and for nobody's eyes."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote

_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def without_userinfo(text: str) -> str:
    """`text` with every `user:password@` taken out of its URLs."""
    return _USERINFO.sub("", text)


def basic_auth(url: str) -> str:
    """The Authorization header that a URL's user and password stand for; "" without any."""
    found = _USERINFO.search(url)
    if found is None:
        return ""
    user, _, password = found.group()[:-1].partition(":")
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()

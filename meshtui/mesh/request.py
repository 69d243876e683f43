"""A request that somebody asks about: what a proxy's routes are tried against."""

from __future__ import annotations

import re

from meshtui.dataclass import dataclass

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110's safe methods: they are not meant to change anything. (TRACE no proxy lets through.)"""

_NORMALISED = re.compile(r"/\.{1,2}(/|$)|\\|%|//")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it reaches the client's proxy.

    `path` includes the query; `authority` is the Host header, with its port if it has one;
    header names are in any case, and may come more than once.
    """

    method: str = "GET"
    path: str = "/"
    authority: str = ""
    scheme: str = "http"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def bare_path(self) -> str:
        """What path matches see: neither query nor fragment."""
        return re.split(r"[?#]", self.path, maxsplit=1)[0]

    @property
    def hostname(self) -> str:
        """The authority in lower case without its port."""
        return without_port(self.authority).lower()

    @property
    def normalisable(self) -> bool:
        """True where the mesh's `pathNormalization` may give the proxy another path to match."""
        return _NORMALISED.search(self.bare_path) is not None

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header, each without the blanks around it; none where it is absent.

        Envoy has the request line as headers too: `:path` (with query), `:authority` and so on;
        and where nobody says `x-forwarded-proto`, it does.
        """
        name = name.lower()
        match name:
            case ":method":
                return (self.method,)
            case ":path":
                return (self.path,)
            case ":scheme":
                return (self.scheme,)
            case ":authority" | "host":
                return (self.authority,) if self.authority else ()
        found = tuple(value.strip(" \t") for key, value in self.headers if key.lower() == name)
        return (self.scheme,) if not found and name == "x-forwarded-proto" else found

    @property
    def repeats(self) -> bool:
        """True where a header comes more than once."""
        names = [key.lower() for key, _ in self.headers]
        return len(set(names)) < len(names)

    def query(self, name: str) -> str | None:
        """The first value, as written (Envoy decodes nothing); None where there is none."""
        _, _, text = self.path.partition("?")
        for part in text.split("&"):
            key, _, value = part.partition("=")
            if part and key == name:
                return value
        return None


def without_port(authority: str) -> str:
    """The host of `host:port`; brackets of an IPv6 address stay, as Envoy has it."""
    host, colon, port = authority.rpartition(":")
    return host if colon and "]" not in port else authority


def port_of(authority: str) -> int:
    """The port of `host:port`, or 0."""
    text = authority[len(without_port(authority)) + 1 :]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def best_domain(domains: tuple[str, ...] | list[str], host: str) -> str | None:
    """The domain that a host in lower case belongs to, None where there is none.

    Envoy's order: the exact name, the longest `*.suffix`, the longest `prefix.*`, then `*`. A
    wildcard stands for at least one character.
    """
    fitting = [domain for domain in domains if covers(domain.lower(), host)]
    return max(fitting, key=rank, default=None)


def covers(domain: str, host: str) -> bool:
    """Whether a name, perhaps with a wildcard at one end, takes in the host."""
    if domain == "*":
        return True
    if domain.startswith("*"):
        return host.endswith(domain[1:]) and len(host) >= len(domain)
    if domain.endswith("*"):
        return host.startswith(domain[:-1]) and len(host) >= len(domain)
    return domain == host


def rank(domain: str) -> tuple[int, int]:
    """Larger is tried first."""
    if domain == "*":
        return 0, 0
    if domain.startswith("*"):
        return 2, len(domain)
    return (1 if domain.endswith("*") else 3), len(domain)

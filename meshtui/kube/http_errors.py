"""What can go wrong between a request and the end of its answer, whichever client sends it."""

from __future__ import annotations


class HttpError(Exception):
    """The server could not be asked, or its answer cannot be read."""


class NotSent(HttpError):
    """There was no connection: the server knows nothing of the request."""


class NoAddress(NotSent):
    """The server's URL, or a header, is none that could be sent."""


class NoName(NotSent):
    """The server's name cannot be resolved."""


class Unconnected(NotSent):
    """Nobody listens there, or nobody can be reached."""


class Untrusted(NotSent):
    """The server's certificate, or what it speaks, is not to be trusted."""


class ProxyFailed(NotSent):
    """The proxy in between cannot be reached, or refuses."""


class ConnectTimeout(NotSent, TimeoutError):
    """There was no connection in time."""


class Lost(HttpError):
    """The connection broke before the answer ended."""


class Garbled(HttpError):
    """The answer is not HTTP."""


class Redirect(HttpError):
    """An answer that sends the client elsewhere, with its credentials and what it writes."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirect ({status})")
        self.status = status


REDIRECTS = frozenset({301, 302, 303, 307, 308})

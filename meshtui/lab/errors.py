"""How the lab fails: in one line."""

from __future__ import annotations


class LabError(Exception):
    """A failure of the lab told in one line; `code` is the exit status it deserves."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code

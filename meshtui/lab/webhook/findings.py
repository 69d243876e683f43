"""What a validation finds, put together as istiod's errors are."""

from __future__ import annotations

from collections.abc import Iterable


class Findings:
    """Errors and warnings in the order in which they were found.

    One error is its own text. Several are a numbered list, and so is one that istiod makes a list
    of by itself (`listed`).
    """

    def __init__(self, *errors: str) -> None:
        self.errors: list[str] = list(errors)
        self.warnings: list[str] = []
        self._listed = False

    def error(self, text: str, listed: bool = False) -> None:
        self.errors.append(text)
        self._listed |= listed

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def add(self, *others: Findings) -> None:
        for other in others:
            self.errors += other.errors
            self.warnings += other.warnings
            self._listed |= other._listed

    def all_of(self, errors: Iterable[str | None]) -> None:
        """Those that are errors at all."""
        self.errors += [error for error in errors if error]

    @property
    def refusal(self) -> str:
        """Empty where there is nothing to refuse."""
        return _joined(self.errors, self._listed)


def _joined(texts: list[str], listed: bool) -> str:
    if len(texts) == 1 and not listed:
        return texts[0]
    if not texts:
        return ""
    count = "1 error" if len(texts) == 1 else f"{len(texts)} errors"
    points = "".join(f"\t* {text}\n" for text in texts)
    return f"{count} occurred:\n{points}\n"

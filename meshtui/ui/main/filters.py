"""The `/` filter: a substring, `!` for what does not hold it, `-l app=x` for labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshtui.errors import Usage
from meshtui.mesh.view import ServiceView


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked of a service. `text` is in lower case; `labels` must all hold."""

    text: str = ""
    inverse: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.labels)

    def takes(self, view: ServiceView) -> bool:
        if self.labels:
            return self._has_labels(view.service.labels, view.service.selector)
        if not self.text:
            return not self.inverse
        return (self.text in _words(view)) is not self.inverse

    def _has_labels(self, *sources: Mapping[str, str]) -> bool:
        return all(any(source.get(k) == v for source in sources) for k, v in self.labels)


def parse_filter(source: str) -> Filter:
    """The filter that a person typed after `/`. Raises `Usage` where it makes no sense."""
    text = source.strip()
    if text == "-l" or text.startswith("-l "):
        return Filter(labels=_labels(text[2:].strip()), source=text)
    if text.startswith("!"):
        return Filter(text=text[1:].strip().lower(), inverse=True, source=text)
    return Filter(text=text.lower(), source=text)


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(name.strip() and sign for name, sign, _ in pairs):
        raise Usage("a label filter is written -l name=value[,name=value]")
    return tuple((name.strip(), value.lstrip("=").strip()) for name, _, value in pairs)


def _words(view: ServiceView) -> str:
    """What a substring is looked for in: names, versions, states."""
    states = {view.state, *(version.state for version in view.versions)}
    versions = (version.label for version in view.versions)
    return " ".join((str(view.key), *versions, *sorted(states))).lower()

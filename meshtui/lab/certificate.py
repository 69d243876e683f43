"""The certificate of a lab's API server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshtui.lab.errors import LabError

if TYPE_CHECKING:
    from meshtui.lab.certs import Certificate


def certificate(directory: Path) -> Certificate:
    """A new one; LabError where nothing can make it."""
    try:
        from meshtui.lab.certs import self_signed
    except ImportError as error:
        raise LabError("no cryptography: pip install 'meshtui-istio[demo]'") from error
    return self_signed(directory)

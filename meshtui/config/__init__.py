"""What a person sets once: `config.yaml` in the user's configuration directory."""

from meshtui.config.loading import Loaded, config_path, load, load_config
from meshtui.config.settings import BADGES, SETTINGS, Config, Setting

__all__ = [
    "BADGES",
    "SETTINGS",
    "Config",
    "Loaded",
    "Setting",
    "config_path",
    "load",
    "load_config",
]

"""The proxies pane."""

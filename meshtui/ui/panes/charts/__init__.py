"""The charts pane."""

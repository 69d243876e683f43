"""The registry of actions: bindings, footer, help, palette and README come from here."""

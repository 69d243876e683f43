"""The terminal itself: how it is written to, left, and given back."""

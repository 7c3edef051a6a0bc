"""Restyle a running game, or anything on a screen, live, and show the result as a webcam."""

__version__ = "0.1.0"

"""The version, for whoever names it: the package, its reports, its page."""

__version__ = "0.1.0"

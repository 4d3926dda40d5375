"""NeuroDash: from published numbers to a brief whose findings are checked by the program."""

__version__ = "0.1.0"

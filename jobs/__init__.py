"""The stage rooms, the harness that runs them, and the controller above them."""

__version__ = "0.1.0"

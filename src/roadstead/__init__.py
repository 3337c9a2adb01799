"""The server that a receiving anchor runs in production on the Stellar network."""

__version__ = "0.1.0"

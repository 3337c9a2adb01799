"""Measurements of Roadstead; `python -m bench` runs them."""

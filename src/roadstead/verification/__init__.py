"""Verifying customers: what a verifier promises, those that are shipped, and the worker who puts cases before them."""

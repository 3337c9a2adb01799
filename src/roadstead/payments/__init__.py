"""Incoming credits of the distribution account, stored before they are understood."""

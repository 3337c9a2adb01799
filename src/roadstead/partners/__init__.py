"""Sending anchors we have agreed with."""

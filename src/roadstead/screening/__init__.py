"""Screening customers against lists of sanctioned persons: lists, matcher, hits, and whether money may go out."""

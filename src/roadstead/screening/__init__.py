"""Screening customers against lists of sanctioned persons: lists, the matcher, hits, and whether a payout may go out."""

"""Backups of the database: made from one picture of it, verified by restoring them, and restored."""

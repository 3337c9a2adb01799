"""Prices of SEP-38: where rates come from, what an exchange costs, and the firm quotes that partners hold."""

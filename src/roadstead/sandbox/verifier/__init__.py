"""A simulated provider that verifies customers: late, more than once, sometimes wrongly, and never for real."""

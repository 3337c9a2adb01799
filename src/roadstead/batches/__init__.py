"""Paying by file: batches that take payouts and go out once, and the bank's files that tell what became of them."""

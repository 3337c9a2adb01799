"""Signed transactions of our own accounts: stored before they are sent, and seen through to a ledger or their death."""

"""The ledger engine: entries, rules and the closing of ledgers, without any input or output."""

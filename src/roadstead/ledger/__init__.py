"""Double-entry books: accounts, postings, entries and their invariants."""

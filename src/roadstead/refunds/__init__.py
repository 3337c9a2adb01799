"""Money back to the chain: orders, signed envelopes, and what became of them."""

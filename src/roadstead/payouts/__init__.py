"""Money out to the bank: payouts, attempts and what the rail said of them."""

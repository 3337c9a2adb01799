"""Files of ISO 20022: payments out (pain.001) and a bank's answers in (pain.002, camt.053, camt.054, pacs.004)."""

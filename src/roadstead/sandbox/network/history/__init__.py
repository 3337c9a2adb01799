"""What happened: closed ledgers kept as compact records, with the lists that Horizon shows."""

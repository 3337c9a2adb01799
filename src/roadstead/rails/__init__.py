"""Ways to pay a bank account: the Rail protocol and the rails that ship with Roadstead."""

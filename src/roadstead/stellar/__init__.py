"""The Stellar network as this server meets it: Horizon, memos, signers, stellar.toml."""

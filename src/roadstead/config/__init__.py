"""What this anchor offers (anchor.toml) and where it runs (the environment), checked at the start."""

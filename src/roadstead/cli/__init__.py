"""The roadstead command."""

"""What people did and must do: the audit log."""

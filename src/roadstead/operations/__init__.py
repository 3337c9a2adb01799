"""What people do and must do: operators, holds that wait for them, alerts, the emergency stop, the audit log."""

"""What partners show to people, in several languages."""

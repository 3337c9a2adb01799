"""Sending and receiving clients: who they are and what is known of them."""

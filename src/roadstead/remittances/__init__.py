"""Promises to deliver money: their states, opening and matching."""

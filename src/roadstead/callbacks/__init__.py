"""What partners are told: the outbox, its signatures, its delivery, and the HTTP client that dares to call strangers.

Nothing of the domain is imported here: what a callback says is rendered by a function that the processes hand in.
"""

"""The offline Stellar network: a Horizon-compatible server over a real ledger engine.

The engine (`roadstead.sandbox.network.ledger`) holds the rules and knows nothing of HTTP;
`roadstead.sandbox.network.horizon` is the face that official SDKs talk to.
"""

"""Everything needed to work offline: a Stellar network, a bank, a sending anchor and the demo."""

"""The face of the network: Horizon's HTTP interface as official SDKs know it."""

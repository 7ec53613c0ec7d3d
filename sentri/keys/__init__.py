"""Signing keys: the algorithm table, the key ring, the published key set."""

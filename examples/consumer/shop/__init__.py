"""A shop of two services."""

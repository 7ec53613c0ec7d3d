"""Settings: read once, frozen, and clear about which option is wrong."""

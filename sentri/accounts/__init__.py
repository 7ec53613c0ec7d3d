"""Use cases: one flow, one file. Flows know neither HTTP nor SQL."""

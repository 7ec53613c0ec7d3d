"""The endpoints of the sub-application: one table of them, and a module for each group that belongs together."""

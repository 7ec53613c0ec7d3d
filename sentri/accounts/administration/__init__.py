"""What admins do with users and sessions: one flow, one file, as in `sentri.accounts`."""

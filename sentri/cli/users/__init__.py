"""`sentri users`: creating, listing, changing and importing them, one module each."""

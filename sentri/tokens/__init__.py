"""Access and refresh tokens: what they say, how they are signed, how they are verified (RFC 7519, 8725, 9068)."""

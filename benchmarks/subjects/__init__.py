"""What is measured, one module a subject.

A  client_mode      a protected GET that trusts another server's tokens
B  server_mode      a protected GET that reads its session from the database
C  logging_in       logins, and how long others wait meanwhile
D  refreshing       rotating refresh tokens
E  idempotent       a POST with an idempotency key
"""

"""Long runs that prove a promise or end with an error, one module a promise: `make soak`.

filling    as many users, sessions and known addresses as one likes, made by the database itself
growth     protect and login with a million users, beside a thousand
plans      the statements of every request with a million users
"""

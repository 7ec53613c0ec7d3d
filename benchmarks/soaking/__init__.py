"""Long runs that prove a promise or end with an error, one module a promise: `make soak`.

hostile    memory stays flat over 100,000 hostile requests, in server mode and in client mode
fuzz       tests/fuzz with many more examples than the normal suite tries, and other ones every time
rolling    rolling restarts of four processes under load, with a migration in the first, fail no request
filling    as many users, sessions and known addresses as one likes, made by the database itself
growth     protect and login with a million users, beside a thousand
plans      the statements of every request with a million users
"""

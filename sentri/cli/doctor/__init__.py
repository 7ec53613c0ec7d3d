"""`sentri doctor`: the pitfalls of a configuration and of what it runs on.

catalogue       every pitfall: its id, how bad it is, what to do about it
configuration   what the options of a server say; cookies, those of its cookies
hashing         what a password costs on this machine
databases, shared_redis, issuers      what the services say
asking          asks all of them
command         prints what they found
"""

"""What a load run counts: latencies, failures and sessions, the limits they are held against, and how far the
generator itself can be trusted.

Nothing here imports Locust; `health` takes gevent only when its sampler starts, and `recorder` is the one module
that knows Locust's events.
"""

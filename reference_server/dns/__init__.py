"""The world's DNS: one server that has every name there is, and goes wrong by script.

`Authority` is the server without sockets: a question in wire format goes in, an answer comes out. `serve_dns` puts it
on UDP and TCP. Records and troubles are data, and can be replaced while it runs, from any thread::

    authority = Authority(
        [
            Record("example.test.", 300, "MX", "10 mx.example.test."),
            Record("mx.example.test.", 300, "A", "127.0.2.1"),
        ],
        [Trouble("mx.example.test.", TroubleKind.SERVFAIL, times=1)],
    )
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve_dns, authority, "127.0.0.1", journal=journal))
        ...
        authority.replace_records(others)
        nursery.cancel_scope.cancel()

Who asks, in `reference_server.relay`::

    resolver = Resolver("127.0.0.1", port, timeout_s=10.0, journal=journal, host="mail.example.org")
    router = Router(
        resolver, own_names=..., own_addresses=..., rng=random.Random(7), journal=journal, host=...
    )
    exchangers = await router.route("example.test")
"""

from reference_server.dns.authority import Answer, Authority
from reference_server.dns.service import serve_dns
from reference_server.dns.tree import Tree, read_record
from reference_server.dns.words import describe

__all__ = ["Answer", "Authority", "Tree", "describe", "read_record", "serve_dns"]

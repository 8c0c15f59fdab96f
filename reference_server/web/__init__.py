"""Pages in a browser: webmail for any target, and the HTTP server that carries it."""

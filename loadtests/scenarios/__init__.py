"""The scenarios: each a locustfile that Locust runs as it is, with a profile of the same name."""

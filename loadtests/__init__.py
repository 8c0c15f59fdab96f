"""Load runs with Locust live here, in a process of their own; none has been written yet."""

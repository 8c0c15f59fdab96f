"""The console: a running world in the browser, as it lives."""

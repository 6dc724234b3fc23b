"""The coordinator: identity, queue, leases and events behind an HTTP API. Knows runners only by what they report."""

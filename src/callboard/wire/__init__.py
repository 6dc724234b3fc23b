"""The shapes of the HTTP API: the only place that knows outside field names. No routes and no behaviour."""

"""What the coordinator does, one service a file: decisions of the domain, made durable. They see no HTTP request."""

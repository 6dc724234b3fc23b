"""What the coordinator does, one service a noun; services answer in wire shapes and never see an HTTP request."""

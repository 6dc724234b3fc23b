"""The HTTP room: checks who asks, parses, calls one service, renders. Decides nothing and never sees the store."""

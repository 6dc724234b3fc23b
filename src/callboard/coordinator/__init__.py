"""The coordinator: the one place that gives out work and keeps what came of it. Runs no agent itself."""

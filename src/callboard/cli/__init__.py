"""The command line: one module for each noun or group of verbs, all over the client. Knows no service and no store."""

"""The tools by which agents start, watch and steer other agents, spoken as MCP over stdio and HTTP.

Only calls of the client stand behind them: what a token may do is decided by the coordinator, never here.
"""

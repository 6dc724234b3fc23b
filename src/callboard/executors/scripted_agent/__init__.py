"""The agent of the scripted executor: a process that does what the lines of its prompt say, and remembers its prompts.

Runs `__main__.py` with the standard library alone and speaks lines of JSON on stdin and stdout. Deterministic: it
knows no random source and no model.
"""

"""What Callboard means by its words: pure values and decisions, with no I/O, clock or event loop."""

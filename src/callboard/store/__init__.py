"""What Callboard remembers: named queries in short transactions over one database. Decides nothing."""

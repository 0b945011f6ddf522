"""How commands speak: standard output and error, progress, tables."""

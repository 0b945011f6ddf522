"""What the commands compute and say, a file a command; imported when a command runs, never for its help."""

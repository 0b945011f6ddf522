"""The commands of the command line, a file each. Nothing heavy is imported before a command has its arguments."""

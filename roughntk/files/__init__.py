"""Files: tables and paths that are read, and files and folders that are written as a whole or not at all."""

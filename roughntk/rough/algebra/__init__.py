"""The truncated tensor algebra: words, levels, brackets, shuffles, norms."""

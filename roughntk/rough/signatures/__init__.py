"""Signatures and log-signatures of paths, by several packages."""

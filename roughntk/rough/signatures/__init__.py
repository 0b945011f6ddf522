"""Signatures and log-signatures of paths, by several packages.

evaluation  signature, log_signature, of prefixes and windows
intervals   signatures of all pieces of a path
backends    the optional packages, each in a few lines
blocks      the built-in recursion in JAX, by blocks of points
"""

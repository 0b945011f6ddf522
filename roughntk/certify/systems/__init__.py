"""Proven solutions of kernel systems: exact rows, interval Cholesky, coefficients between two ends."""

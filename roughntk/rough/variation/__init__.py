"""Exact p-variation, controls, regularity, and convergence in p-variation."""

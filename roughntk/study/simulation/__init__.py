"""Simulated networks of finite width beside infinite width, and beside the limit of wide and deep networks."""

"""Paths: piecewise linear ones, their augmentations, samplers, and lifts to rough paths."""

"""Exercises of the tutorials, with answers that are computed when they are asked for."""

__all__: list[str] = []

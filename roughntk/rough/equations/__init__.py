"""Rough differential equations."""

"""Transports hold what their certificates say, in every test."""

from certified_transports import certificates_hold

__all__ = ["certificates_hold"]

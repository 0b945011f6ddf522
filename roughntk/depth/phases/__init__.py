"""Which limit a family has, how fast, and what is left of it there."""

from roughntk.depth.phases.classification import Classification
from roughntk.depth.phases.decision import classify

__all__ = ["Classification", "classify"]

"""Claims that can be asked of any kernel family."""

from roughntk.audit.claim import Claim
from roughntk.kernels import KernelFamily


def claims_of_family(family: KernelFamily) -> dict[str, Claim]:
    """By key."""
    return {}


__all__ = ["claims_of_family"]

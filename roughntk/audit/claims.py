"""All claims, in the order of the paper."""

from roughntk.audit import clock, equation, invertibility, limits, recursions
from roughntk.audit.claim import Claim

GROUPS = (recursions, invertibility, limits, clock, equation)
CLAIMS: dict[str, Claim] = {claim.key: claim for group in GROUPS for claim in group.CLAIMS}
"""By key."""

__all__ = ["CLAIMS"]

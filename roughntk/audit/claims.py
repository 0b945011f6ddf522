"""All claims, in the order of the paper."""

from roughntk.audit import (
    clock,
    coefficient_limits,
    driving_paths,
    equation,
    invertibility,
    limits,
    predictor,
    recursions,
)
from roughntk.audit.claim import Claim

GROUPS = (recursions, invertibility, predictor, limits, clock, equation, coefficient_limits, driving_paths)
CLAIMS: dict[str, Claim] = {claim.key: claim for group in GROUPS for claim in group.CLAIMS}
"""By key."""

__all__ = ["CLAIMS"]

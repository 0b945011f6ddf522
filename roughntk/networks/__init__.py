"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

from roughntk.networks.kernel_moments import TangentMoments, tangent_moments
from roughntk.networks.random_depth import EffectiveDepth, effective_depth
from roughntk.networks.tangent_limit import TangentRatios, tangent_ratio_limit
from roughntk.networks.unshaped import UnshapedCovariance, tangent_gram, unshaped_covariance

__all__ = [
    "EffectiveDepth", "TangentMoments", "TangentRatios", "UnshapedCovariance", "effective_depth", "tangent_gram",
    "tangent_moments", "tangent_ratio_limit", "unshaped_covariance",
]  # fmt: skip

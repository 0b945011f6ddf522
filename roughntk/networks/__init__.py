"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

from roughntk.networks.driver import DrivenCovariance, NetworkDriver, network_driver
from roughntk.networks.empirical import empirical_ntk, simulate_kernels
from roughntk.networks.finite import FiniteNetwork, Parameters
from roughntk.networks.in_law import sample_tangent_kernel
from roughntk.networks.kernel_moments import TangentMoments, tangent_moments
from roughntk.networks.random_covariance import RandomCovariance, covariance
from roughntk.networks.random_depth import EffectiveDepth, effective_depth
from roughntk.networks.sampling import KernelSamples
from roughntk.networks.tangent_limit import TangentRatios, tangent_ratio_limit
from roughntk.networks.training import TrainedNetworks, train
from roughntk.networks.unshaped import UnshapedCovariance, tangent_gram, unshaped_covariance
from roughntk.networks.weight_results import DepthRoughness, PathRoughness, WeightRoughness
from roughntk.networks.weight_verdicts import Exponent
from roughntk.networks.weights import weight_roughness, weight_roughness_by_depth, weight_roughness_of_distances

__all__ = [
    "DepthRoughness", "DrivenCovariance", "EffectiveDepth", "Exponent", "FiniteNetwork", "KernelSamples",
    "NetworkDriver", "Parameters", "PathRoughness", "RandomCovariance", "TangentMoments", "TangentRatios",
    "TrainedNetworks", "UnshapedCovariance", "WeightRoughness", "covariance", "effective_depth", "empirical_ntk",
    "network_driver", "sample_tangent_kernel", "simulate_kernels", "tangent_gram", "tangent_moments",
    "tangent_ratio_limit", "train", "unshaped_covariance", "weight_roughness", "weight_roughness_by_depth",
    "weight_roughness_of_distances",
]  # fmt: skip

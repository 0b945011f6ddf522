"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

from roughntk.networks.empirical import empirical_ntk, simulate_kernels
from roughntk.networks.finite import FiniteNetwork, Parameters
from roughntk.networks.in_law import sample_tangent_kernel
from roughntk.networks.sampling import KernelSamples
from roughntk.networks.training import TrainedNetworks, train

__all__ = [
    "FiniteNetwork", "KernelSamples", "Parameters", "TrainedNetworks", "empirical_ntk", "sample_tangent_kernel",
    "simulate_kernels", "train",
]  # fmt: skip

"""What an infinitely wide network of depth L computes: dual activations, families, the layer recursion."""

from roughntk.kernels import criteria
from roughntk.kernels.activation import ActivationNNGP, ActivationNTK
from roughntk.kernels.classification import Classification
from roughntk.kernels.classify import classify
from roughntk.kernels.composition import CompositionKernel, SigmoidComposition
from roughntk.kernels.families import KernelFamily, ReluNNGP, ReluNTK
from roughntk.kernels.named import GeluNNGP, GeluNTK, TanhNNGP, TanhNTK
from roughntk.kernels.registry import FAMILIES, as_family, family
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK
from roughntk.kernels.residual import ResidualReluNNGP, ResidualReluNTK
from roughntk.kernels.rules import Deflated
from roughntk.kernels.sequence import KernelSequence, sequence
from roughntk.kernels.smooth import ErfNNGP, ErfNTK

__all__ = [
    "FAMILIES", "ActivationNNGP", "ActivationNTK", "BiasedReluNNGP", "BiasedReluNTK", "Classification",
    "CompositionKernel", "Deflated", "ErfNNGP", "ErfNTK", "GeluNNGP", "GeluNTK", "KernelFamily", "KernelSequence",
    "LeakyReluNNGP", "LeakyReluNTK", "ReluNNGP", "ReluNTK", "ResidualReluNNGP", "ResidualReluNTK",
    "SigmoidComposition", "TanhNNGP", "TanhNTK", "as_family", "classify", "criteria", "family", "sequence",
]  # fmt: skip

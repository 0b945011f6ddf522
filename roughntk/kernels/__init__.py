"""What an infinitely wide network of depth L computes: dual activations, families, the layer recursion."""

from roughntk.kernels.families import FAMILIES, KernelFamily, ReluNNGP, ReluNTK, SigmoidComposition, family

__all__ = ["FAMILIES", "KernelFamily", "ReluNNGP", "ReluNTK", "SigmoidComposition", "family"]

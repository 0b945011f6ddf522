"""What 64 bit can hold: the constants that bounds of rounding and stand-ins for infinity are made of."""

import sys

EPS: float = sys.float_info.epsilon
"""2^-52, the distance from 1 to the next float64; rounding to nearest is off by half of it, relatively."""

HUGE: float = sys.float_info.max
"""The largest float64. It stands for an infinite slope, so that 0 times it is 0."""

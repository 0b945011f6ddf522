"""Theorem 3 of arXiv:2511.07272 on real data: carry the coefficients from depth 5 to depth 6.

Claim: in both clocks, the solution of the controlled equation is the closed form of the next depth, to nine digits;
and the drivers' log(I + sM) is the same path that quadrature finds.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import roughntk as rn

rows = load_digits().data[:25]
X, x = rn.sphere.project(rows[:20]), rn.sphere.project(rows[20:])
family = rn.kernels.ReluNTK()
print("closed form at depth 6", file=sys.stderr, flush=True)
closed = rn.coefficients(family, X, x, depth=6)

for clock in ("arc", "psi"):
    print(f"{clock} clock: integrating", file=sys.stderr, flush=True)
    result = rn.transport.between_depths(family, X, x, depth=5, clock=clock)
    error = np.abs(result.coefficients - closed).max()
    print(f"{clock:>4} clock: {result.stats['steps']:3d} steps, residual {result.residual:.1e}, error {error:.1e}")
    assert error < 1e-9
    assert result.residual < 1e-9

width = float(np.exp(result.clock.log_d))
print(f"In the paper's time the whole movement happens within about {width:.0e} of t = 1/2.")

kernels = [family(X, z, depth=depth) for z in (X, x) for depth in (5, 6)]
segment = rn.transport.Segment(*kernels)
driver = result.drivers.sample(np.linspace(0, 1, 5))
by_quadrature = rn.transport.quadrature_driver(segment, np.linspace(0, 1, 5)).reshape(5, -1)
print(f"drivers: closed form and quadrature differ by {np.abs(driver - by_quadrature).max():.1e}")
assert np.abs(driver - by_quadrature).max() < 1e-12

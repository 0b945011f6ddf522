"""How fast do the drivers of Theorem 3 vanish with depth? Exact p-variation, level by level.

Claim: the level-k size of the driver v^(L) of the ReLU NTK falls like (log L / L^2)^k, and every installed signature
backend gives the same numbers.
"""

import sys

import numpy as np

import roughntk as rn

X, x = rn.sphere.uniform(4, 6, seed=0), rn.sphere.uniform(1, 6, seed=1)
family = rn.kernels.ReluNTK()
depths = np.array([100, 200, 400, 800])
sizes = {1: [], 2: []}
for depth in depths:
    print(f"driver of depth {depth}", file=sys.stderr, flush=True)
    driver = rn.transport.between_depths(family, X, x, depth=int(depth)).drivers
    path = driver.sample(np.linspace(0, 1, 17))
    for level in (1, 2):
        sizes[level].append(rn.rough.p_variation(path, 2, level=level, norm="l1"))

theory = np.log(depths) / depths**2
for level in (1, 2):
    slope = np.polyfit(np.log(depths), np.log(sizes[level]), 1)[0]
    expected = level * np.polyfit(np.log(depths), np.log(theory), 1)[0]
    print(f"level {level}: slope {slope:.3f} in L, theory {expected:.3f}")
    assert abs(slope / expected - 1) < 0.1

signatures = {name: rn.rough.signature(path, 2, backend=name) for name in rn.rough.available_backends()}
for name, values in signatures.items():
    difference = np.abs(values - signatures["jax"]).max()
    print(f"{name}: signature differs from the built-in one by {difference:.1e}")
    assert difference < 1e-12

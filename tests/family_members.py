"""The members of every kernel family that the laws are about."""

import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import registry

EPS = np.finfo(np.float64).eps
THETA = np.array([0.0, 1e-9, 1e-3, 0.4, np.pi / 2, 2.0, 3.1, np.pi - 1e-7, np.pi])
RHO = np.array([-1.0, -0.999, -0.7, -0.3, 0.0, 0.2, 0.5, 1 - 1e-12, 1.0])  # as many as angles: one compilation

# Members of a family whose default does not show all that it does: other phases, slopes, blocks.
MORE = (
    ("leaky-relu-ntk", {"slope": -1.0}), ("leaky-relu-nngp", {"slope": -1.0}), ("leaky-relu-nngp", {"slope": 0.99}),
    ("biased-relu-ntk", {"weight_variance": 2.0}), ("biased-relu-nngp", {"weight_variance": 3.0}),
    ("erf-ntk", {"weight_variance": 3.0}), ("erf-nngp", {"weight_variance": 3.0, "bias_variance": 0.0}),
    ("residual-relu-ntk", {"scaling": 0.5}), ("residual-relu-nngp", {"scaling": 0.5}),
)  # fmt: skip
MEMBERS = (*((name, {}) for name in registry.FAMILIES), *MORE)
POINTS = rn.sphere.uniform(6, 4, seed=0)
FAMILIES = {name: rn.kernels.family(name) for name in registry.FAMILIES}
every_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda m: "-".join([m[0], *map(str, m[1].values())]))


def built(member):
    name, values = member
    return rn.kernels.family(name, **values) if values else FAMILIES[name]

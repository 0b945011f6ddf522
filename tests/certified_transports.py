"""Every transport that a test makes is checked against its certificate, where it is made."""

import numpy as np
import pytest

from roughntk.transport import TransportResult, equation


def checked(*args, **kwargs) -> TransportResult:
    """The result, whose error is within what is proven, at every place where there is a closed form."""
    result = TransportResult(*args, **kwargs)
    certificate = result.certificate
    assert certificate.holds, certificate
    known = ~np.isnan(certificate.errors)
    assert known[[0, -1]].all(), certificate
    # differences, and bounds of them, that are rounded apart
    assert np.all(certificate.errors[known] <= certificate.along[known] * (1 + 1e-14)), certificate
    assert result.error <= certificate.relative * (1 + 1e-14), certificate
    assert np.all(certificate.bound <= np.minimum(certificate.direct, certificate.gronwall)), certificate
    if result.converged:
        assert np.isfinite(certificate.bound).all() and np.isfinite(certificate.entries).all(), certificate
    return result


@pytest.fixture(autouse=True, scope="session")
def certificates_hold():
    """For every test from the first one of a folder that asks for this on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equation, "TransportResult", checked)
        yield

"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

from roughntk.networks.driver import DrivenCovariance, NetworkDriver, network_driver
from roughntk.networks.random_covariance import RandomCovariance, covariance

__all__ = ["DrivenCovariance", "NetworkDriver", "RandomCovariance", "covariance", "network_driver"]

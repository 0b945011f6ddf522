class ActivationNNGP: name="x"
class ActivationNTK: pass
class GeluNTK: name="gelu-ntk"
class TanhNTK: name="tanh-ntk"

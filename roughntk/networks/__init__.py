"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

__all__: list[str] = []

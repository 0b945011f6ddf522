"""One number: what counts as one, and in which range it must lie.

Python, NumPy and JAX numbers of any width, arrays of shape (), fractions and decimals are taken alike everywhere; truth
values, text and tracers are no numbers.
"""

import math
import numbers
from decimal import Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from roughntk._checks.errors import InputError, shown, traced, whole

MOST_WHOLE = 2**63 - 1
"""The largest whole number of anything that is counted, layers included: 64 bit."""


def known_number(value: Any) -> int | float | None:
    """`value` as a Python int or float, infinity for what is beyond float64; None where it is no number.

    A whole number stays an int of any size, a float of any precision becomes a float64.
    """
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, bool | np.bool_ | np.timedelta64 | Tracer | str | bytes):
        return None
    if isinstance(value, Decimal | numbers.Rational) and not isinstance(value, numbers.Integral):
        return _rounded(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _rounded(value)
    if not hasattr(value, "__array__") or getattr(value, "shape", None) != ():
        return None
    try:
        array = np.asarray(value)
    except Exception:  # whatever the array protocol of a foreign object may raise
        return None
    if array.ndim or np.ma.is_masked(value):
        return None
    if array.dtype.kind == "O":
        inner = array.item()
        return None if hasattr(inner, "__array__") else known_number(inner)
    if jnp.issubdtype(array.dtype, np.integer):
        return int(array)
    return _rounded(array[()]) if jnp.issubdtype(array.dtype, np.floating) else None


def _rounded(value: Any) -> float:
    try:
        with np.errstate(over="ignore"):
            return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):  # a signalling NaN of decimal
        return math.nan


def number_of_text(text: str, name: str, otherwise: str | None = None) -> float:
    """The float64 that text writes, infinity only where it says so.

    Raises:
        InputError: text that float64 would make infinite (1e400) or 0 (1e-400); text that is no number, with
            the message `otherwise`.
        ValueError: text that is no number, without `otherwise`.
    """
    try:
        number_read = float(text)
    except ValueError:
        if otherwise is None:
            raise
        raise InputError(otherwise) from None
    beyond = math.isinf(number_read) and "inf" not in text.lower()
    vanishes = number_read == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0])
    if beyond or vanishes:
        rounded = "beyond float64 (1.8e308)" if beyond else "0 in float64 (5e-324)"
        raise InputError(
            f"expected {name} within float64, got {shown(text)}, which is {rounded}; write a "
            f"{'smaller number, or inf if that is meant' if beyond else 'larger number, or 0 if that is meant'}"
        )
    return number_read


def is_infinite(value: Any) -> bool:
    """Whether a number given as such is infinite, and not only beyond float64."""
    try:
        return bool(value == math.inf or value == -math.inf)
    except Exception:  # whatever a foreign comparison may raise
        return False


def real_number(value: Any) -> float:
    """`value` as a float; NaN, which lies in no range, for what is no number (a truth value or a tracer included)."""
    number = known_number(value)
    return math.nan if number is None else _rounded(number)


def number(
    value: Any,
    name: str,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    infinite: bool = False,
    remedy: str = "correct it",
) -> float:
    """`value` as a float in the range above < value, least <= value <= most, value < below.

    Args:
        value: the argument as the user gave it.
        name: what the message calls it.
        above, least, below, most: the range.
        infinite: whether infinity, as such, is allowed where the range holds it.
        remedy: the end of the message.

    Raises:
        InputError: a tracer, no number, NaN, a number outside the range or beyond float64.
    """
    if isinstance(value, Tracer):
        raise traced(name)
    real = real_number(value)
    inside = real > above and least <= real <= most and real < below
    if math.isinf(real):
        inside = infinite and is_infinite(value) and real > above and least <= real <= most
    if inside:
        return real
    wanted = _range(above, least, below, most)
    if math.isnan(real) or not wanted or (math.isinf(real) and not infinite):
        wanted = f"to be one {'' if infinite else 'finite '}real number" + f" {wanted}" * bool(wanted)
    raise InputError(f"expected {name} {wanted}, got {_got(value, real)}; {remedy}")


def _range(above: float, least: float, below: float, most: float) -> str:
    """The range in words."""
    parts = [f"above {above:.10g}"] if above > -math.inf else []
    parts += [f"at least {least:.10g}"] if least > -math.inf else []
    parts += [f"below {below:.10g}"] if below < math.inf else []
    parts += [f"at most {most:.10g}"] if most < math.inf else []
    return " and ".join(parts)


def _got(value: Any, real: float) -> str:
    """How the message shows a number that is refused."""
    if math.isinf(real) and not is_infinite(value):
        return f"{shown(value)}, which is beyond float64 (1.8e308)"
    return shown(value)


def integer(value: Any, name: str, *, least: int, most: int | None = None) -> int:
    """`value` as a Python int of at least `least` (and at most `most`, or 2^63 - 1)."""
    if isinstance(value, Tracer):
        raise traced(name)
    exact = known_number(value)
    if not isinstance(exact, int):
        raise InputError(f"expected {name} to be a whole number, got {shown(value)}; pass a Python or NumPy integer")
    top = MOST_WHOLE if most is None else most
    if not least <= exact <= top:
        shown_top = f"2^{top.bit_length()} - 1" if top >= MOST_WHOLE else str(top)
        wanted = f"at least {least}" if exact < least and top >= MOST_WHOLE else f"from {least} to {shown_top}"
        raise InputError(f"expected {name} {wanted}, got {whole(exact)}; {'raise' if exact < least else 'lower'} it")
    return exact


def flag(value: Any, name: str) -> bool:
    """A truth value, of Python or NumPy, as a bool: text such as "no" and numbers are none."""
    if isinstance(value, Tracer):
        raise traced(name)
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"expected {name} to be True or False, got {shown(value)}; write one of these")
    return bool(value)


def seed(value: Any) -> int:
    """What fixes random numbers: a whole number from 0 on, of up to 128 bits, as `secrets.randbits(128)` gives."""
    return integer(value, "seed", least=0, most=2**128 - 1)


def training_time(value: Any) -> float:
    """A time of training: a number >= 0; infinity is training to convergence."""
    return number(value, "a training time", least=0, infinite=True, remedy="math.inf trains to convergence")


def level(value: Any) -> int:
    """A truncation level: a whole number of at least 1."""
    return integer(value, "level", least=1)


def exponent(p: Any) -> float:
    """A variation exponent: a finite real number p >= 1."""
    if isinstance(p, Tracer):
        raise traced("exponent p")
    real = real_number(p)
    if not 1 <= real < math.inf:
        raise InputError(
            f"expected a finite exponent p >= 1, got {_got(p, real)}; p = 1 gives the length in "
            f"the norm of the increments"
        )
    return real


def one_depth(depth: Any) -> float:
    """One known depth >= 1, infinity included, as a float.

    Raises:
        InputError: an array or list of depths, a tracer, what is no number, a depth below 1 or beyond float64.
    """
    if isinstance(depth, Tracer):
        raise traced("depth")
    real = real_number(depth)
    if not real >= 1:
        if isinstance(depth, list | tuple) or bool(getattr(depth, "shape", None)):
            raise InputError(
                f"expected one depth, got {len(depth)} of them ({shown(depth)}); call once for each depth "
                f"(family.trajectory gives the kernel at all whole depths)"
            )
        kind = "real " * (known_number(depth) is None)
        raise InputError(f"expected a {kind}depth of at least 1, got {_shallow(depth)}; depth 1 is the input layer")
    if real == math.inf and not is_infinite(depth):
        raise InputError(f"expected a depth within float64 (1.8e308), got {shown(depth)}; use math.inf for the limit")
    return real


def _shallow(depth: Any) -> str:
    """A number below 1 with the digits that tell it from 1; anything else as it is."""
    real = real_number(depth)
    return shown(depth) if math.isnan(real) else repr(real).removesuffix(".0")


def integer_depth(depth: Any) -> int:
    """A network depth as an int >= 1; accepts floats that are whole."""
    real = one_depth(depth)
    if real == math.inf:
        raise InputError("expected a finite whole depth here, got infinity; choose a finite depth")
    if real != int(real):
        raise InputError(f"expected a whole depth here, got {real!r}; round it to an integer")
    exact = known_number(depth)
    layers = exact if isinstance(exact, int) else int(real)
    bits = 63 if jax.dtypes.canonicalize_dtype(int) == np.int64 else 31
    if 2**bits <= layers < 2**63:
        require_x64(f"a whole depth of {whole(layers)}")
    if layers >= 2**bits:
        raise InputError(
            f"expected a whole depth below 2^63 = {2.0**63:.3g}, got {whole(layers)}; use math.inf for the limit"
        )
    return layers


def require_x64(what: str) -> None:
    """Refuse to compute `what` with JAX in 32-bit mode, where its answer has no correct digits to spare."""
    if not jax.dtypes.canonicalize_dtype(float) == np.float64:
        raise InputError(
            f"expected JAX in 64-bit mode, got 32-bit; {what} needs float64: unset ROUGHNTK_ENABLE_X64 or call "
            f'jax.config.update("jax_enable_x64", True)'
        )

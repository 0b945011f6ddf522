"""Results as arrays and JSON, from which they come back with the same bits: no pickles, and no decimal digits.

Numbers, texts, arrays, lists, tuples and dictionaries are packed, and such classes as the reader names: a file says
which of these an object is, and can make no other. Floats stand in an array of their own. An array comes back with its
axes in the same order in memory, on which the order of summation may depend.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

FLOATS = "floats"


class Packed:
    """A value as `tree`, for JSON, and `arrays` by name.

    >>> packed = pack({"depth": 3, "values": (0.1, np.arange(2))})
    >>> sorted(packed.arrays)
    ['a0', 'floats']
    >>> unpack(packed.tree, packed.arrays)
    {'depth': 3, 'values': (0.1, array([0, 1]))}
    """

    def __init__(self, value: Any, kinds: Sequence[type] = ()):
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._floats: list[float] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.tree = self._node(value)
        self.arrays[FLOATS] = np.array(self._floats, dtype=np.float64)

    def _node(self, value: Any) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            self._floats.append(value)
            return ["float", len(self._floats) - 1]
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if type(value) in (list, tuple):
            return [type(value).__name__, [self._node(each) for each in value]]
        if type(value) is dict:
            return ["dict", [[self._node(key), self._node(each)] for key, each in value.items()]]
        kind = type(value)
        if self._kinds.get(kind.__name__) is not kind:
            raise TypeError(f"no way to pack a {kind.__module__}.{kind.__qualname__}")
        return [kind.__name__, [self._node(getattr(value, name)) for name in _names_of(kind)]]

    def _array(self, value: np.ndarray | np.generic) -> Any:
        if value.dtype.hasobject or type(value) is not np.ndarray and isinstance(value, np.ndarray):
            raise TypeError(f"no way to pack an array of {value.dtype} of type {type(value).__name__}")
        name = f"a{len(self.arrays)}"
        if not isinstance(value, np.ndarray):
            self.arrays[name] = np.asarray(value)
            return ["scalar", name]
        axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
        self.arrays[name] = np.ascontiguousarray(value.transpose(axes)).reshape(value.transpose(axes).shape)
        return ["array", name, axes]


def pack(value: Any, kinds: Sequence[type] = ()) -> Packed:
    """A value as arrays and JSON.

    Args:
        value: None, a truth value, a number, a text, an array, a list, a tuple, a dictionary of these, or an object of
            one of `kinds`.
        kinds: dataclasses and named tuples.

    Raises:
        TypeError: anything else.
    """
    return Packed(value, kinds)


def unpack(tree: Any, arrays: dict[str, np.ndarray], kinds: Sequence[type] = ()) -> Any:
    """The value that `pack` was given."""
    by_name = {kind.__name__: kind for kind in kinds}
    floats = arrays[FLOATS].tolist()

    def value_of(node: Any) -> Any:
        if not isinstance(node, list):
            return node
        what, content = node[:2]
        if what == "float":
            return floats[content]
        if what == "scalar":
            return arrays[content][()]
        if what == "array":
            return arrays[content].transpose(np.argsort(node[2], kind="stable"))
        if what == "dict":
            return {value_of(key): value_of(each) for key, each in content}
        parts = [value_of(each) for each in content]
        if what in ("list", "tuple"):
            return parts if what == "list" else tuple(parts)
        kind = by_name[what]
        return kind(**dict(zip(_names_of(kind), parts, strict=True)))

    return value_of(tree)


def digest(value: Any, kinds: Sequence[type] = ()) -> str:
    """A hash of a value: of its structure, and of the bytes, types and shapes of its arrays (SHA-256)."""
    packed = pack(value, kinds)
    hashed = hashlib.sha256(json.dumps(packed.tree).encode())
    for name, array in packed.arrays.items():
        hashed.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        if array.size:
            hashed.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return hashed.hexdigest()


def _names_of(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.init)
    return tuple(getattr(kind, "_fields"))  # noqa: B009  of a named tuple


__all__ = ["Packed", "digest", "pack", "unpack"]

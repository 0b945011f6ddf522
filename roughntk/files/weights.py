"""The weights of the layers of a model, from files that hold arrays and nothing else: never a pickle.

A state dict is a mapping of names to arrays; a pattern with one `{}`, as in "blocks.{}.mlp.weight", picks one array of
each layer, where `{}` stands for the number of the layer. Sources are a .safetensors file, a .npz, a .npy with the
layers along the first axis, a folder of .npy or .safetensors files, and a mapping in memory.
"""

import dataclasses
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk.files import tables
from roughntk.files.tables import Member, printable

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib")
"""Suffixes of files that are pickles, or may be."""
OTHERS = {
    ".onnx": "write its initialisers with numpy.savez: {t.name: onnx.numpy_helper.to_array(t) for t in "
    "onnx.load(FILE).graph.initializer}",
    ".gguf": "write its tensors with safetensors.numpy.save_file: {t.name: gguf.dequantize(t.data, t.tensor_type) for "
    "t in gguf.GGUFReader(FILE).tensors}",
    ".h5": "write its arrays with numpy.savez",
    ".hdf5": "write its arrays with numpy.savez",
    ".keras": "write model.get_weights() with numpy.savez",
    ".msgpack": "write its arrays with safetensors.flax.save_file",
    ".tflite": "write its tensors with numpy.savez",
}
"""Formats that are not read, and how they become one that is."""
SAVE = "save it as .safetensors, or with numpy.savez"
_READ = ".safetensors, .npz or .npy file, or a folder of .npy or .safetensors files"
_REAL = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_LISTED = 6  # names or patterns that a message lists


@dataclasses.dataclass(frozen=True)
class LayerWeights:
    """The weights of layers 1 .. L: `layers`, arrays of one shape, `names`, one a layer, and where they are from."""

    name: str
    layers: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line: layers, their shape and names."""
        shape = " x ".join(map(str, self.layers[0].shape)) or "one number"
        ends = self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}"
        return f"{self.name}: {len(self.layers)} layers of {shape}, {ends}."


def read_weights(file: str | os.PathLike, pattern: str | None = None) -> LayerWeights:
    """The layers that `pattern` picks from a file or folder of arrays.

    Args:
        file: a .safetensors or .npz file, a folder of .npy or .safetensors files, or a .npy file (or a .npz of one
            array) with the layers along its first axis.
        pattern: a name with one {} for the number of the layer; without {} the name of one array that holds the
            layers along its first axis; None: the only array, or all files of a folder of numbered .npy files.

    Raises:
        InputError: no such file, a pickle, a format that is not read, a pattern that picks fewer than two layers,
            layers of unequal shapes (named), numbers with gaps, whole numbers of a quantised model.
        MissingBackendError: a .safetensors file without safetensors.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
    ...     np.savez(file, **{f"block.{k}.weight": np.full((2, 3), k) / 4 for k in range(8)})
    ...     read_weights(file.name, "block.{}.weight").describe().partition(": ")[2]
    '8 layers of 2 x 3, block.0.weight to block.7.weight.'
    """
    path = Path(os.fspath(file))
    name = printable(path.name or str(path))
    if not path.exists():
        raise InputError(f"expected a {_READ}, got {printable(str(path))}, which does not exist; check the path")
    if path.is_dir():
        return _of_folder(path, name, pattern)
    suffix = path.suffix.lower()
    if _is_pickle(path):
        raise InputError(
            f"expected a file of plain arrays, got {name}, which is a pickle: reading one runs whatever program it "
            f"holds; where you trust it, convert it: safetensors.torch.save_file(torch.load({name!r}, "
            f"weights_only=True), 'model.safetensors') for a state dict"
        )
    if suffix in OTHERS:
        raise InputError(f"expected a {_READ}, got the {suffix} file {name}; {OTHERS[suffix]}")
    if suffix == ".safetensors":
        return _from_safetensors([path], name, pattern)
    if suffix in (".npz", ".npy"):
        return _from_numpy(path, name, pattern)
    raise InputError(f"expected a {_READ}, got {name}; {SAVE}")


def weights_of(state: Mapping[str, Any], pattern: str | None, name: str = "the state dict") -> LayerWeights:
    """The layers that `pattern` picks from a mapping of names to arrays. Raises `InputError` as `read_weights` does.

    >>> import numpy as np
    >>> weights_of({f"w{k}": np.ones(2) for k in (10, 2, 6)}, "w{}").names
    ('w2', 'w6', 'w10')
    """
    shapes = {str(key): tuple(np.shape(value)) for key, value in state.items()}
    names, stacked, notes = _chosen(shapes, pattern, name)
    arrays = {each: np.asarray(state[each]) for each in names}
    return _layers(arrays, names, stacked, name, notes)


def _is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, by how it begins: a bare one, or one in the zip archive that PyTorch writes."""
    with path.open("rb") as stream:
        start = stream.read(9)
    if start.startswith(b"\x93NUMPY") or start[8:] == b"{":  # .npy; the length and the header of a .safetensors
        return False
    if len(start) > 1 and start[0] == 0x80 and start[1] <= 5:
        return True
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(member.endswith((".pkl", ".pickle")) for member in archive.namelist())
    return path.suffix.lower() in PICKLES and path.suffix.lower() != ".bin"


def _of_folder(path: Path, name: str, pattern: str | None) -> LayerWeights:
    shards = sorted(path.glob("*.safetensors"))
    if shards:
        return _from_safetensors(shards, name, pattern)
    files = {each.stem: each for each in path.glob("*.npy")}
    if not files:
        raise InputError(f"expected .npy or .safetensors files in the folder {name}, got none; {SAVE}")
    shapes: dict[str, tuple[int, ...]] = {}
    for stem, each in files.items():
        tables.read_arrays(tables.source(each), lambda members, stem=stem: _noted(members, stem, shapes))  # type: ignore[misc]
    names, stacked, notes = _chosen(shapes, pattern, name)
    arrays = {each: tables.read_arrays(tables.source(files[each]), lambda _: ("",))[""] for each in names}
    return _layers(arrays, names, stacked, name, notes)


def _noted(members: list[Member], stem: str, shapes: dict[str, tuple[int, ...]]) -> Sequence[str]:
    shapes[stem] = members[0].shape or ()
    return ("",)


def _from_numpy(path: Path, name: str, pattern: str | None) -> LayerWeights:
    state: dict[str, Any] = {}

    def choose(members: list[Member]) -> Sequence[str]:
        shapes = {member.name: member.shape for member in members if member.shape is not None}
        state["chosen"] = _chosen(shapes, pattern if path.suffix.lower() == ".npz" else None, name)
        return state["chosen"][0]

    if path.suffix.lower() == ".npy" and pattern is not None:
        raise InputError(
            f"expected no pattern for the .npy file {name}, which holds one array, got {pattern!r}; leave it out: the "
            f"layers are along the first axis"
        )
    arrays = tables.read_arrays(tables.source(path), choose)
    names, stacked, notes = state["chosen"]
    return _layers(arrays, names, stacked, name, notes)


def _from_safetensors(paths: Sequence[Path], name: str, pattern: str | None) -> LayerWeights:
    opener = _safetensors()
    shapes, kinds, places = {}, {}, {}
    try:
        for path in paths:
            with opener(path, framework="numpy") as stored:
                for key in stored.keys():  # noqa: SIM118  no mapping
                    part = stored.get_slice(key)
                    shapes[key], kinds[key], places[key] = tuple(part.get_shape()), part.get_dtype(), path
        names, stacked, notes = _chosen(shapes, pattern, name)
        for each in names:
            if kinds[each] not in _REAL:
                raise InputError(
                    f"expected real numbers in {printable(each)} of {name}, got the type {kinds[each]}; save the "
                    f"weights of a quantised model as float32"
                )
        size = sum(float(np.prod(shapes[each])) * _REAL[kinds[each]] for each in names)
        _checks.memory(2 * size, f"the layers in {name}", "choose a smaller matrix of each layer")
        arrays = {}
        for each in names:
            with opener(places[each], framework="numpy") as stored:
                arrays[each] = stored.get_tensor(each)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever the parser that meets the damage raises
        raise InputError(
            f"expected a .safetensors file, got {name}, which cannot be read ({_checks.first_line(error)}); save it "
            f"again"
        ) from None
    return _layers(arrays, names, stacked, name, notes)


def _safetensors() -> Callable[..., Any]:
    try:
        from safetensors import safe_open
    except ImportError:
        raise MissingBackendError(
            "expected safetensors, which reads .safetensors files, got none installed; install it: "
            "pip install 'roughntk[networks]'"
        ) from None
    return safe_open


Chosen = tuple[list[str], bool, tuple[str, ...]]
"""The names of the layers in order, whether it is one array that holds them all, and what there is to say."""


def _chosen(shapes: Mapping[str, tuple[int, ...]], pattern: str | None, source: str) -> Chosen:
    """The arrays that a pattern picks."""
    if pattern is None:
        if len(shapes) == 1:
            return list(shapes), True, ()
        options = _patterns(shapes)
        if len(options) == 1 and len(options[0][1]) == len(shapes):
            pattern = options[0][0]
        else:
            raise InputError(f"expected a pattern for the names in {source}, got none; {_suggested(shapes)}")
    if pattern.count("{}") > 1 or (pattern.count("{}") == 0 and pattern not in shapes):
        raise InputError(
            f"expected a pattern with one {{}} for the number of the layer, got {printable(pattern)!r}; "
            f"{_suggested(shapes)}"
        )
    if "{}" not in pattern:
        return [pattern], True, ()
    before, after = pattern.split("{}")
    matcher = re.compile(re.escape(before) + r"([0-9]+)" + re.escape(after))
    numbered = sorted((int(match[1]), name) for name in shapes if (match := matcher.fullmatch(name)))
    if len(numbered) < 2:
        raise InputError(
            f"expected at least two layers {printable(pattern)} in {source}, got {len(numbered)}; {_suggested(shapes)}"
        )
    numbers, names = [number for number, _ in numbered], [name for _, name in numbered]
    _check_equal(shapes, names, source)
    steps = sorted(set(np.diff(numbers).tolist()))
    if len(steps) > 1 or steps[0] == 0:
        at = next(i for i, step in enumerate(np.diff(numbers)) if step != steps[0] or step == 0)
        raise InputError(
            f"expected the layers {printable(pattern)} of {source} at numbers of equal steps, got {numbers[at]} and "
            f"then {numbers[at + 1]}; choose a pattern whose layers follow each other"
        )
    note = (f"In {source} one block in {steps[0]} has {printable(pattern)}.",) if steps[0] > 1 else ()
    return names, False, note


def _check_equal(shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], source: str) -> None:
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        by_shape.setdefault(shapes[name], []).append(name)
    if len(by_shape) == 1:
        return
    listed = "; ".join(
        f"{shape} in {', '.join(map(printable, few[:3]))}{f' and {len(few) - 3} more' if len(few) > 3 else ''}"
        for shape, few in sorted(by_shape.items(), key=lambda item: -len(item[1]))[:_LISTED]
    )
    raise InputError(
        f"expected layers of one shape in {source}, got {listed}; a path through the layers needs equal shapes: choose "
        f"another pattern, or keep the layers of one shape"
    )


def _patterns(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, list[str]]]:
    """The patterns that pick two or more arrays of one shape, those of most layers and entries first."""
    groups: dict[str, list[str]] = {}
    for name in shapes:
        for match in re.finditer(r"[0-9]+", name):
            groups.setdefault(f"{name[: match.start()]}{{}}{name[match.end() :]}", []).append(name)
    kept = [(p, n) for p, n in groups.items() if len(n) > 1 and len({shapes[each] for each in n}) == 1]
    return sorted(kept, key=lambda item: (-len(item[1]), -float(np.prod(shapes[item[1][0]])), item[0]))


def _suggested(shapes: Mapping[str, tuple[int, ...]]) -> str:
    options = _patterns(shapes)
    if not options:
        names = ", ".join(map(printable, list(shapes)[:_LISTED])) or "no arrays"
        return f"name one of its arrays, with the layers along the first axis: {names}"
    listed = ", ".join(f"{printable(p)} ({len(n)} layers of {shapes[n[0]]})" for p, n in options[:_LISTED])
    more = f" and {len(options) - _LISTED} more" if len(options) > _LISTED else ""
    return f"choose one: {listed}{more}"


def _layers(
    arrays: Mapping[str, np.ndarray], names: Sequence[str], stacked: bool, source: str, notes: tuple[str, ...]
) -> LayerWeights:
    if stacked:
        array, name = arrays[names[0]], names[0] or "layer"
        if array.ndim < 1 or len(array) < 2:
            raise InputError(
                f"expected at least two layers along the first axis of {printable(name)} in {source}, got shape "
                f"{array.shape}; stack them, or give a pattern with one {{}}"
            )
        layers = tuple(array)
        names = [f"{name}[{i}]" for i in range(len(array))]
    else:
        layers = tuple(arrays[name] for name in names)
        _check_equal({name: layer.shape for name, layer in zip(names, layers, strict=True)}, names, source)
    for name, layer in zip(names, layers, strict=True):
        for reason in _bad(layer):
            raise InputError(f"expected finite real numbers in {printable(name)} of {source}, got {reason}")
    return LayerWeights(source, layers, tuple(names), notes)


def _bad(layer: np.ndarray) -> Iterator[str]:
    if layer.dtype.kind in "iub":
        yield f"dtype {layer.dtype}; save the weights of a quantised model as float32"
    elif layer.dtype.kind not in "f" and layer.dtype.name != "bfloat16":
        yield f"dtype {layer.dtype}; save them as float32"
    elif layer.size == 0:
        yield f"none (shape {layer.shape}); choose a pattern of arrays with entries"
    elif not np.isfinite(layer).all():
        yield f"{int((~np.isfinite(layer)).sum())} that are NaN or infinite; train again, or leave that layer out"


__all__ = ["LayerWeights", "read_weights", "weights_of"]

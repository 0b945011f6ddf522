"""What `roughntk signature` computes and says: the signature or log-signature of paths from a file."""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from roughntk import _checks, rough
from roughntk._checks import InputError
from roughntk.files import results
from roughntk.files.paths import PathFile

BASES = ("lyndon", "hall", "words")
SUFFIXES = (".csv", ".npy", ".json")
SHOWN = 40
"""Entries of a signature that are printed."""
SHOWN_PATHS = 5
"""Paths of a batch whose entries are printed."""


@dataclasses.dataclass(frozen=True)
class SignatureTable:
    """Signatures or log-signatures of one path or a batch with what they are: `basis` None is a signature.

    `values`: shape (entries,), for a batch (paths, entries).
    """

    files: tuple[PathFile, ...]
    level: int
    basis: str | None
    backend: str
    values: np.ndarray

    def labels(self) -> Iterator[str]:
        """The words, or brackets, in the order of the values."""
        channels = self.files[0].values.shape[1]
        if self.basis == "lyndon":
            return iter(rough.lyndon_brackets(channels, self.level))
        if self.basis == "hall":
            return iter(rough.hall_brackets(channels, self.level))
        words = (itertools.product(range(1, channels + 1), repeat=k) for k in range(1, self.level + 1))
        joint = "" if channels < 10 else ","
        return (joint.join(map(str, word)) for word in itertools.chain.from_iterable(words))

    def described(self) -> list[str]:
        """What is printed of the paths."""
        first = self.files[0]
        more = [f"{len(self.files)} paths, {first.name} to {self.files[-1].name}."] if len(self.files) > 1 else []
        return [*more, *first.lines()]

    def title(self) -> str:
        """What the numbers are."""
        what = "Signature" if self.basis is None else "Log-signature"
        how = {None: "words", "words": "words", "lyndon": "Lyndon brackets", "hall": "Hall brackets"}[self.basis]
        each = " of each path" if len(self.files) > 1 else ""
        entries = self.values.shape[-1]
        return f"{what} to level {self.level}{each}: {entries} entries in {how} (backend {self.backend})"

    def headings(self) -> list[str]:
        """The heading of `rows`."""
        names = [file.name for file in self.files[:SHOWN_PATHS]] if len(self.files) > 1 else ["value"]
        return ["bracket" if self.basis in ("lyndon", "hall") else "word", *names]

    def rows(self) -> list[tuple[str, ...]]:
        """The first entries of the first paths as text."""
        columns = np.atleast_2d(self.values)[:SHOWN_PATHS].T
        shown = zip(itertools.islice(self.labels(), SHOWN), columns, strict=False)
        return [(label, *(f"{value:.12g}" for value in values)) for label, values in shown]

    def left_out(self) -> list[str]:
        """What `rows` does not show, in a sentence."""
        entries, count = self.values.shape[-1], len(self.files)
        if entries <= SHOWN and count <= SHOWN_PATHS:
            return []
        paths = f", of the first {min(count, SHOWN_PATHS)} of {count} paths" if count > 1 else ""
        return [f"The first {min(entries, SHOWN)} of {entries}{paths}; --out writes them all."]

    def record(self) -> dict[str, Any]:
        """All entries with what they are, for JSON."""
        first, alone = self.files[0], len(self.files) == 1
        return {
            "path": first.name if alone else [file.name for file in self.files],
            "points": len(first.values), "channels": list(first.channels),
            "level": self.level, "kind": "signature" if self.basis is None else "log-signature",
            "basis": self.basis or "words", "backend": self.backend, "entries": list(self.labels()),
            "values": self.values.tolist(),
        }  # fmt: skip

    def content(self, suffix: str) -> bytes:
        """All entries with all digits, as .csv (a column a path), .npy or .json."""
        if suffix == ".npy":
            return results.npy_bytes(self.values)
        if suffix == ".json":
            return (json.dumps(self.record(), indent=1, allow_nan=False) + "\n").encode()
        names = ["value"] if len(self.files) == 1 else [file.name for file in self.files]
        columns = np.atleast_2d(self.values).T
        rows = ([label, *map(repr, values.tolist())] for label, values in zip(self.labels(), columns, strict=True))
        return results.csv_bytes([[self.headings()[0], *names], *rows])


#: Bytes that a word or bracket with its line, and a number, take as text; measured at levels 9 to 13.
WORD_BYTES, NUMBER_BYTES = 250.0, 100.0


def _check_text(channels: int, level: int, paths: int, *, brackets: bool) -> None:
    """Refuse entries whose text cannot fit in memory."""
    if brackets:
        entries = float(sum(rough.witt_dimension(channels, k) for k in range(1, _checks.level(level) + 1)))
    else:
        entries = float(rough.signature_size(channels, level))
    _checks.memory(
        entries * (WORD_BYTES + NUMBER_BYTES * paths),
        f"{entries:.3g} entries{f' of {paths} paths' if paths > 1 else ''} as text",
        "lower --level, or write them as .npy",
    )


def signature_table(
    file: PathFile | Sequence[PathFile], level: int, *, log: bool = False, basis: str | None = None,
    backend: str = "jax", text: bool = False,
) -> SignatureTable:  # fmt: skip
    """The signature of the path, or of each of a batch, to `level`, or with `log` its logarithm in `basis` (lyndon,
    hall or words).

    `text`: all entries are to be written as text, .csv or .json, which takes more memory than the numbers.

    Raises as `rough.signature` does, and for a basis without `log`.
    """
    _checks.require_x64("a table of signatures to 12 digits")
    batch = (file,) if isinstance(file, PathFile) else tuple(file)
    if not log and basis is not None:
        raise InputError(f"expected --basis with --log only, got --basis {basis}; a signature is given in words")
    if log:
        basis = _checks.choice("lyndon" if basis is None else basis, BASES, "basis")

    if text:
        _check_text(batch[0].values.shape[1], level, len(batch), brackets=basis in ("lyndon", "hall"))

    def of(points: np.ndarray) -> np.ndarray:
        if basis is not None:
            return np.asarray(rough.log_signature(points, level, basis=basis, backend=backend))
        return np.asarray(rough.signature(points, level, backend=backend))

    if len(batch) == 1:
        values = of(batch[0].values)
    elif len({each.values.shape for each in batch}) == 1:
        values = of(np.stack([each.values for each in batch]))
    else:  # rows with missing cells were left out
        values = np.stack([of(each.values) for each in batch])
    return SignatureTable(batch, level, basis, backend, values)


__all__ = ["BASES", "SHOWN", "SHOWN_PATHS", "SUFFIXES", "SignatureTable", "signature_table"]

"""State dicts in files, and `roughntk weights`: what is read, what is refused and why, what is printed and drawn."""

import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from routes import is_drawn
from safetensors.numpy import save_file
from typer.testing import CliRunner

from roughntk import InputError, MissingBackendError, networks
from roughntk.cli import app
from roughntk.files.weights import read_weights, weights_of

WALK = np.random.default_rng(0).normal(size=(12, 3, 2))
STATE = {f"blocks.{k}.mlp.weight": layer for k, layer in enumerate(WALK)} | {
    "blocks.0.norm": np.ones(2), "blocks.1.norm": np.ones(3), "head": np.ones((4, 2)),
}  # fmt: skip
PATTERN = "blocks.{}.mlp.weight"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def save_npz(name="model.npz", state=STATE):
    np.savez(name, **state)
    return name


# Reading


def test_every_form_of_a_state_dict_holds_the_same_layers():
    save_file(STATE, "model.safetensors")
    Path("parts").mkdir()
    Path("shards").mkdir()
    for name, array in STATE.items():
        np.save(f"parts/{name}.npy", array)
    names = list(STATE)
    for k, some in enumerate((names[:5], names[5:])):
        save_file({name: STATE[name] for name in some}, f"shards/model-{k}.safetensors")
    for file in (save_npz(), "model.safetensors", "parts", "shards"):
        read = read_weights(file, PATTERN)
        np.testing.assert_array_equal(np.stack(read.layers), WALK)
        assert read.names[0] == "blocks.0.mlp.weight" and read.names[10] == "blocks.10.mlp.weight"
    np.testing.assert_array_equal(np.stack(weights_of(STATE, PATTERN).layers), WALK)
    of_file = networks.weight_roughness("model.safetensors", pattern=PATTERN)
    assert of_file.driver.length == networks.weight_roughness(STATE, pattern=PATTERN).driver.length


def test_layers_along_the_first_axis_and_numbered_files_need_no_pattern():
    np.save("layers.npy", WALK)
    np.savez("layers.npz", WALK)
    np.savez("several.npz", blocks=WALK, head=np.ones(3))
    Path("numbered").mkdir()
    for k, layer in enumerate(WALK):
        np.save(f"numbered/w{k}.npy", layer)
    for file, pattern in (("layers.npy", None), ("layers.npz", None), ("several.npz", "blocks"), ("numbered", None)):
        np.testing.assert_array_equal(np.stack(read_weights(file, pattern).layers), WALK)


def test_half_precision_is_read_and_quantised_models_are_not():
    kinds = {"BF16": (2, b"\x80\x3f\x00\x40"), "F16": (2, b"\x00\x3c\x00\x40"), "I8": (1, b"\x01\x02")}
    for kind, (size, content) in kinds.items():
        header = {
            f"w{k}": {"dtype": kind, "shape": [2], "data_offsets": [2 * size * k, 2 * size * (k + 1)]} for k in (0, 1)
        }
        text = json.dumps(header).encode()
        Path("half.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + 2 * content)
        if kind == "I8":
            with pytest.raises(InputError, match="the type I8; save the weights of a quantised model as float32"):
                read_weights("half.safetensors", "w{}")
        else:
            result = networks.weight_roughness("half.safetensors", pattern="w{}")
            np.testing.assert_allclose(result.norms, np.sqrt(5.0), rtol=1e-14)
    np.savez("quantised.npz", w0=np.ones(2, np.int8), w1=np.ones(2, np.int8))
    with pytest.raises(InputError, match="quantised"):
        read_weights("quantised.npz", "w{}")


# Refusing


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


def test_a_pickle_is_never_opened_whatever_its_name():
    content = pickle.dumps({"w0": Trap()})
    for name in ("model.pt", "model.bin", "model.weights", "model.npz"):
        Path(name).write_bytes(content)
    for name in ("zipped.pth", "zipped.npz", "zipped.bin"):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr("archive/data.pkl", content)
    Path("old.ckpt").write_bytes(b"anything")
    for name in map(str, Path().iterdir()):
        with pytest.raises(InputError, match="a pickle: reading one runs whatever program .*save_file"):
            read_weights(name, "w{}")
        assert "is a pickle" in call("weights", name, "--pattern", "w{}").stderr
    np.savez("objects.npz", w0=np.array([Trap()]), w1=np.array([Trap()]))
    with pytest.raises(InputError, match="without pickles|no plain|none or is damaged|pickle"):
        read_weights("objects.npz", "w{}")
    assert not Path("trapped").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.gguf", "gguf.dequantize"),
        ("m.onnx", "to_array"),
        ("m.h5", "savez"),
        ("m.bin", "safetensors"),
        ("m", "savez"),
    ],
)
def test_other_formats_are_refused_with_the_way_to_convert_them(name, words):
    Path(name).write_bytes(b"GGUF")
    with pytest.raises(InputError, match=f"got .*{name}.*{words}"):
        read_weights(name, "w{}")


@pytest.mark.parametrize(
    ("state", "pattern", "words"),
    [
        (STATE, None, r"a pattern .*got none; choose one: blocks\.\{\}\.mlp\.weight \(12 layers of \(3, 2\)\)"),
        (STATE, "blocks.{}.mlp.bias", r"got 0; choose one: blocks\.\{\}\.mlp\.weight"),
        (STATE, "blocks.{}.norm", r"\(2,\) in blocks\.0\.norm; \(3,\) in blocks\.1\.norm"),
        (STATE, "blocks.0.mlp.{}.{}", "one {}"),
        (STATE, "blocks", "one {}"),
        (STATE, "head.{}", "got 0"),
        ({"w0": WALK[0], "w1": WALK[0], "w3": WALK[0]}, "w{}", "equal steps, got 1 and then 3"),
        ({"w0": WALK[0], "w1": np.nan * WALK[0]}, "w{}", "6 that are NaN or infinite"),
        ({"w0": np.zeros(0), "w1": np.zeros(0)}, "w{}", "none"),
        ({"w0": np.array(["a"]), "w1": np.array(["b"])}, "w{}", "float32"),
        ({"a": np.ones(1), "b": np.ones(1)}, None, "name one of its arrays"),
        ({"a": np.ones(1)}, None, "at least two layers"),
    ],
)  # fmt: skip
def test_layers_that_make_no_path_are_named(state, pattern, words):
    for read in (lambda: weights_of(state, pattern), lambda: read_weights(save_npz(state=state), pattern)):
        with pytest.raises(InputError, match=words) as caught:
            read()
        assert ";" in str(caught.value)


def test_every_second_block_is_a_path_and_said_to_be_one():
    read = weights_of({f"w{2 * k}": layer for k, layer in enumerate(WALK)}, "w{}")
    assert len(read.layers) == 12 and "one block in 2" in read.notes[0]


def test_files_that_are_not_there_or_damaged_are_refused():
    Path("empty").mkdir()
    Path("bad.safetensors").write_bytes(b"123")
    Path("bad.npz").write_bytes(b"PK\x03\x04nothing")
    np.save("one.npy", WALK)
    for name, words in (("none.npz", "does not exist"), ("empty", "got none"), ("bad.safetensors", "cannot be read"),
                        ("bad.npz", "cannot read"), ("one.npy", "no pattern")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_weights(name, "w{}")


def test_a_missing_safetensors_is_named_with_its_command(monkeypatch):
    save_file(STATE, "model.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingBackendError, match=r"pip install 'roughntk\[networks\]'"):
        read_weights("model.safetensors", PATTERN)


# The command


def test_the_command_says_what_the_library_says():
    save_npz()
    result = call("weights", "model.npz", "--pattern", PATTERN, "--p", 2.5, "--level", 2, "--beta", 1)
    assert result.exit_code == 0, result.output
    expected = networks.weight_roughness(WALK, p=2.5, level=2, beta=1.0)
    assert "model.npz: 12 layers of 3 x 2" in result.stdout and f"Verdict: {expected.verdict}." in result.stdout
    for line in (*expected.evidence, f"{expected.driver.variation.value:.6g}"):
        assert line in result.stdout
    assert f"{expected.driver.second_level.value:.6g}" in result.stdout
    record = json.loads(call("weights", "model.npz", "--pattern", PATTERN, "--p", 2.5, "--beta", 1, "--json").stdout)
    assert record["verdict"] == expected.verdict and record["evidence"] == list(expected.evidence)
    driver, weights = record["networks"][0]["paths"]
    assert driver["p_variation"] == expected.driver.variation.value and driver["points"] == 13
    assert weights["scaling"]["exponent"] == expected.weights.scaling.exponent
    np.testing.assert_array_equal(record["networks"][0]["norms"], expected.norms)
    quiet = call("weights", "model.npz", "--pattern", PATTERN, "--quiet").stdout
    assert "12 layers of" not in quiet and "Verdict" in quiet


def test_distances_that_were_written_are_read_again():
    save_npz()
    expected = networks.weight_roughness(WALK)
    for name in ("distances.npy", "distances.csv"):
        assert call("weights", "model.npz", "--pattern", PATTERN, "--out", name, "--quiet").exit_code == 0
        record = json.loads(call("weights", name, "--distances", "--json").stdout)
        (path,) = record["networks"][0]["paths"]
        assert path["path"] == "weights" and path["length"] == pytest.approx(expected.weights.length, rel=1e-14)


def test_pictures_of_one_and_of_several_networks():
    initial = np.random.default_rng(1).normal(size=WALK.shape)
    for layers in (3, 6, 12):
        np.save(f"{layers}.npy", WALK[:layers])
        np.save(f"start{layers}.npy", initial[:layers])
    one = call("weights", "12.npy", "--initial", "start12.npy", "--figure", "one.png")
    assert one.exit_code == 0 and "update" in one.stdout and is_drawn(Path("one.png"))
    several = call(
        "weights", "3.npy", "12.npy", "6.npy", *(f"--initial=start{k}.npy" for k in (3, 12, 6)), "--figure", "all.png"
    )
    assert several.exit_code == 0, several.output
    assert is_drawn(Path("all.png")) and "L = 3, 6, 12" in several.stdout
    record = json.loads(call("weights", "3.npy", "12.npy", "6.npy", "--json").stdout)
    assert set(record["exponents"]) == {"driver: 1-variation", "weights: mean jump"}
    assert [each["layers"] for each in record["networks"]] == [3, 6, 12]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.npy", "--distances", "--pattern", "w{}"), "without --distances"),
        (("a.npy", "b.npy", "--level", 2), "with one FILE"),
        (("a.npy", "b.npy", "--initial", "a.npy"), "once for each FILE"),
        (("a.npy", "b.npy", "--out", "d.npy"), "with one FILE"),
        (("a.npy", "b.npy"), "different depths"),
        (("a.npy", "--out", "d.txt"), "end in .npy, .csv"),
        (("a.npy", "--figure", "d.txt"), "end in .png"),
        (("a.npy", "--p", 0.5), "p >= 1"),
        (("a.npy", "--level", 3), "from 1 to 2"),
        (("a.npy", "--beta", -1), "at least 0"),
        (("a.npy", "--coarsest", 9), "from 2 to 5"),
        (("none.npy",), "does not exist"),
    ],
)
def test_bad_options_end_with_one_message(arguments, words):
    for name in ("a.npy", "b.npy"):
        np.save(name, WALK)
    result = call("weights", *arguments)
    assert result.exit_code == 2 and result.stdout == "" and words in result.stderr, result.output

"""Builds the source distribution and the wheel, examines both, and tries the wheel in clean environments.

    python tools/check_distribution.py                     on every Python of 3.11, 3.12 and 3.13 that is here
    python tools/check_distribution.py --python 3.12       on one of them
    python tools/check_distribution.py --out dist          keeps the two files in this folder
    python tools/check_distribution.py --no-environments   builds and examines alone: seconds, no network

Each environment is new, holds the wheel with what it requires at the versions of constraints.txt, and is tried from an
empty folder outside the checkout (tools/try_installed.py). All of them draw on pip's cache, so a second run is quicker.
A Python that is not here, or cannot make an environment, is named and not counted; none at all is an error.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from email import message_from_string
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
BESIDE_THE_PACKAGE = {
    ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "PKG-INFO", "README.md",
    "constraints.txt", "pyproject.toml", "tools/long_description.py",
}  # fmt: skip
"""What a source distribution holds outside roughntk/."""

NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
"""Variables of the environment that would change what is tried; without bytecode every start would compile again."""


class DistributionError(Exception):
    """What is wrong with a distribution."""


def say(text: str) -> None:
    print(f"distribution: {text}", flush=True)


def run(command: Sequence[str | Path], folder: Path | None = None, **more: str) -> str:
    """What a command prints; its last lines become the message where it fails."""
    given = {key: value for key, value in os.environ.items() if key not in NOT_PASSED_ON}
    result = subprocess.run(command, cwd=folder, env=given | more, capture_output=True, text=True, check=False)
    if result.returncode:
        last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-12:])
        raise DistributionError(f"{' '.join(map(str, command))}: exit code {result.returncode}\n{last}")
    return result.stdout


def build(source: Path, folder: Path, *targets: str) -> dict[str, Path]:
    """The distributions that hatchling makes from a folder of sources, by target."""
    kinds = [word for target in targets for word in ("-t", target)]
    run([sys.executable, "-m", "hatchling", "build", *kinds, "-d", folder], source)
    suffix = {"sdist": "*.tar.gz", "wheel": "*.whl"}
    return {target: one(list(folder.glob(suffix[target])), f"{target} in {folder.name}") for target in targets}


def one(found: list, what: str):
    if len(found) != 1:
        raise DistributionError(f"expected one {what}, got {len(found)}")
    return found[0]


def package_files(root: Path) -> set[str]:
    """Every file of the package in the checkout: what git knows or would take, else what lies there but for caches."""
    listing = None
    if (git := shutil.which("git")) and (root / ".git").exists():
        command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "roughntk"]
        listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listing is not None and listing.returncode == 0:
        names = listing.stdout.split("\0")
    else:
        names = [path.relative_to(root).as_posix() for path in (root / "roughntk").rglob("*")]
    return {name for name in names if name and "__pycache__" not in name and (root / name).is_file()}


def difference(found: set[str], wanted: set[str], where: str) -> list[str]:
    """What is missing in a distribution, and what should not be in it."""
    missing, surplus = sorted(wanted - found), sorted(found - wanted)
    return [
        *([f"{where} lacks {', '.join(missing)}"] if missing else []),
        *([f"{where} holds {', '.join(surplus)}, which do not belong there"] if surplus else []),
    ]


def wheel_problems(names: set[str], files: set[str], version: str, notices: set[str]) -> list[str]:
    """What is wrong with the contents of a wheel: the package's files, each of them, and its own notes, no other."""
    notes = f"roughntk-{version}.dist-info/"
    own = {notes + name for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    return difference(names, files | own | {f"{notes}licenses/{name}" for name in notices}, "the wheel")


def sdist_problems(names: set[str], files: set[str], version: str) -> list[str]:
    """What is wrong with the contents of a source distribution."""
    folder = f"roughntk-{version}/"
    return difference(names, {folder + name for name in files | BESIDE_THE_PACKAGE}, "the source distribution")


def vendored_problems(root: Path, files: set[str]) -> list[str]:
    """What is wrong with the files of others in a folder `vendor`: each has to stand in its NOTICE, with its checksum.

    A line of a NOTICE is "sha256 CHECKSUM  NAME", and a licence is named as "see NAME".
    """
    problems = []
    for folder in sorted({name[: name.index("/vendor/")] + "/vendor/" for name in files if "/vendor/" in name}):
        inside = {name.removeprefix(folder) for name in files if name.startswith(folder)}
        notice = root / folder / "NOTICE"
        text = notice.read_text(encoding="utf-8") if notice.is_file() else ""
        sums = {name: digest for digest, name in re.findall(r"sha256 ([0-9a-f]{64})  (\S+)", text)}
        licences = set(re.findall(r"\bsee (\S+)", text))
        problems += difference(inside, {"NOTICE", *sums, *licences}, f"{folder}, by its NOTICE,")
        changed = [n for n in sorted(inside & set(sums)) if sha256((root / folder / n).read_bytes()) != sums[n]]
        problems += [f"{folder}{name} is not the file whose checksum is in NOTICE" for name in changed]
    return problems


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def metadata_problems(text: str, pyproject: dict, notices: set[str]) -> list[str]:
    """What is wrong with the metadata of a wheel, as a package index reads it."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from long_description import relative_targets
    from trove_classifiers import classifiers, deprecated_classifiers

    metadata, project = message_from_string(text), pyproject["project"]
    page = str(metadata.get_payload())
    known = [c for c in metadata.get_all("Classifier", []) if c in classifiers and c not in deprecated_classifiers]
    minors = [f"Programming Language :: Python :: {version}" for version in PYTHONS]
    wrong = {
        "name": metadata["Name"] != "roughntk",
        "version": metadata["Version"] != project["version"],
        "summary": metadata["Summary"] != project["description"] or len(project["description"]) > 512,
        "licence expression": metadata["License-Expression"] != project["license"],
        "licence files": not {"LICENSE", *notices} <= set(metadata.get_all("License-File", [])),
        "supported Pythons": metadata["Requires-Python"] != project["requires-python"],
        "type of the description": metadata["Description-Content-Type"] != "text/markdown",
        "description, which is empty": not page.strip().startswith("# roughntk"),
        f"relative links in the description, {', '.join(relative_targets(page))}": bool(relative_targets(page)),
        "classifiers, some of them unknown": sorted(known) != sorted(project["classifiers"]),
        "classifiers of the Pythons that are tried": not set(minors) <= set(known),
        "classifier Typing :: Typed": "Typing :: Typed" not in known,
        "classifier of a licence beside the expression": any(c.startswith("License ::") for c in known),
        "address of the paper": not any("arxiv.org" in url for url in metadata.get_all("Project-URL", [])),
        "extras": set(metadata.get_all("Provides-Extra", [])) != set(project["optional-dependencies"]),
    }
    return [f"the metadata are wrong: {name}" for name, is_wrong in wrong.items() if is_wrong]


def contents(wheel: Path) -> dict[str, str]:
    """The checksum of every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: sha256(archive.read(name)) for name in archive.namelist()}


def examine(built: dict[str, Path], folder: Path) -> None:
    """Raise DistributionError where the contents or the metadata are not as they should be."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version, files = pyproject["project"]["version"], package_files(ROOT)
    notices = {
        path.relative_to(ROOT).as_posix()
        for pattern in pyproject["project"]["license-files"]
        for path in ROOT.glob(pattern)
    }
    inside = contents(built["wheel"])
    with tarfile.open(built["sdist"]) as archive:
        members = archive.getmembers()
        names = {member.name for member in members if member.isfile()}
        if strange := [member.name for member in members if not (member.isfile() or member.isdir())]:
            raise DistributionError(f"the source distribution holds links: {', '.join(strange)}")
        archive.extractall(folder / "unpacked", filter="data")
    with zipfile.ZipFile(built["wheel"]) as archive:
        metadata = archive.read(f"roughntk-{version}.dist-info/METADATA").decode("utf-8")
    problems = [
        *wheel_problems(set(inside), files, version, notices),
        *sdist_problems(names, files, version),
        *metadata_problems(metadata, pyproject, notices),
        *vendored_problems(ROOT, files),
    ]
    again = contents(build(folder / "unpacked" / f"roughntk-{version}", folder / "again", "wheel")["wheel"])
    if again != inside:
        differing = sorted(name for name in {*again, *inside} if again.get(name) != inside.get(name))
        problems.append(f"the source distribution builds another wheel; other are {', '.join(differing)}")
    if problems:
        raise DistributionError("\n".join(problems))
    say(f"{len(inside)} files in the wheel, {built['wheel'].stat().st_size / 1e6:.1f} MB; {len(names)} in the source")
    say("distribution, which builds the same wheel")


def candidates(version: str) -> Iterator[Path]:
    """Where a Python of this version may be: on the path, and where pyenv keeps its own."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if (path := Path(folder, f"python{version}")).is_file():
            yield path
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(kept.glob(f"{version}.*/bin/python{version}"))


def new_environment(version: str, folder: Path) -> Path | None:
    """The Python of a new environment; None, and a line that says so, where there is none of this version."""
    found = list(candidates(version))
    for python in found:
        try:
            said = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
            if said.strip() == version:
                run([python, "-m", "venv", "--without-pip", folder])
                return folder / "bin" / "python"
        except (DistributionError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
    where = f"{len(found)} candidates, none of which makes an environment" if found else "not on this machine"
    say(f"Python {version} is not tried: {where}")
    return None


def try_on(version: str, wheel: Path, folder: Path) -> bool:
    """Whether there is such a Python here; the wheel is installed and tried with it."""
    started = time.perf_counter()
    python = new_environment(version, folder / "environment")
    if python is None:
        return False
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(name).decode("utf-8"))
    wanted = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    (folder / "requirements.txt").write_text("\n".join(wanted) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    say(f"Python {version}: installing {len(wanted)} requirements; the first time, they are downloaded")
    run(
        [
            *pip,
            "install",
            "-q",
            "--no-compile",
            "--constraint",
            ROOT / "constraints.txt",
            "-r",
            folder / "requirements.txt",
        ]
    )
    run([*pip, "install", "-q", "--no-compile", "--no-deps", "--no-index", wheel])
    run([*pip, "check"])
    installed = time.perf_counter()
    outside = folder / "outside"
    outside.mkdir()
    shutil.copy(ROOT / "tools" / "try_installed.py", folder)
    said = run([python, "-P", folder / "try_installed.py", str(metadata["Version"])], outside, MPLBACKEND="Agg")
    for line in said.splitlines():
        say(f"Python {version}: {line}")
    ended = time.perf_counter()
    say(f"Python {version}: works ({installed - started:.0f} s to install, {ended - installed:.0f} s to try)")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this version; may be repeated")
    parser.add_argument("--out", type=Path, help="folder for the two files")
    parser.add_argument("--no-environments", action="store_true", help="build and examine alone")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            built = build(ROOT, folder / "built", "sdist", "wheel")
            examine(built, folder)
            tried = [] if options.no_environments else list(options.python or PYTHONS)
            done = [version for version in tried if _in_its_own(folder, version, built["wheel"], try_on)]
            if tried and not done:
                raise DistributionError(f"none of Python {', '.join(tried)} is here; install one of them")
        except DistributionError as problem:
            print(f"distribution: {problem}", file=sys.stderr)
            return 1
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            for path in built.values():
                shutil.copy(path, options.out)
                say(f"{path.name} is in {options.out}")
    return 0


def _in_its_own(folder: Path, version: str, wheel: Path, attempt: Callable[[str, Path, Path], bool]) -> bool:
    """An attempt in a folder that is removed after it: an environment takes about 1 GB."""
    place = folder / version
    place.mkdir()
    try:
        return attempt(version, wheel, place)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())

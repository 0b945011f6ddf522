"""The output folder: all of a report or nothing of it, whatever happens on the way."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import roughntk as rn
from roughntk.files import folders, manifest
from roughntk.files.folders import MARK, replacing

CHILD = """
import sys, time
from roughntk.files.folders import replacing
with replacing(sys.argv[1]) as folder:
    (folder / "report.html").write_text("half")
    print("inside", flush=True)
    time.sleep(600)
"""


def write(out, text):
    with replacing(out) as folder:
        (folder / "figures").mkdir()
        (folder / "figures" / "errors.png").write_text(text)
        (folder / "report.html").write_text(text)
        (folder / MARK).write_text(text)


def assert_complete(out, text):
    """`out` holds that report and nothing lies beside it."""
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == [
        manifest.NAME, "figures", "figures/errors.png", "report.html", MARK
    ]  # fmt: skip
    assert {path.read_text() for path in out.rglob("*") if path.is_file() and path.name != manifest.NAME} == {text}


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "report"


@pytest.fixture(params=[True, False], ids=["atomic exchange", "two renames"])
def either_way(request, monkeypatch):
    """With the system's atomic exchange where it has one, and without."""
    if not request.param:
        monkeypatch.setattr(folders, "_exchange", lambda a, b: False)


def test_success_makes_a_new_report_and_then_replaces_it_as_a_whole(out, either_way):
    write(out, "old")
    assert_complete(out, "old")
    write(out, "new")
    assert_complete(out, "new")


def test_a_users_own_file_beside_an_old_report_is_not_lost(out):
    write(out, "old")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(rn.InputError, match="other files"):
        write(out, "new")
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "report.html").read_text() == "old"


def test_the_report_is_readable_by_whom_the_umask_allows(out):
    before = os.umask(0o022)
    try:
        write(out, "new")
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, rn.InputError])
def test_a_raise_inside_leaves_the_old_report_complete(out, either_way, error):
    write(out, "old")
    with pytest.raises(error, match="on the way"), replacing(out) as folder:
        (folder / "report.html").write_text("half")
        raise error("on the way")
    assert_complete(out, "old")


def test_a_raise_inside_a_first_run_leaves_nothing_not_even_folders_above(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "b" / "report") as folder:
        (folder / "report.html").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "a" / "b" / "report", "new")
    assert_complete(tmp_path / "a" / "b" / "report", "new")


def test_folders_above_that_were_there_or_are_in_use_stay(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "b" / "report"):
        (tmp_path / "a" / "b" / "of another program").touch()
        raise RuntimeError
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["of another program"]


def test_a_full_disk_is_an_input_error_and_leaves_the_old_report(out):
    write(out, "old")
    with pytest.raises(rn.InputError, match="can be written.*No space left.*--out"), replacing(out):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert_complete(out, "old")


def test_an_empty_folder_and_an_earlier_report_are_replaced(out):
    out.mkdir()
    write(out, "new")
    assert_complete(out, "new")


def test_a_folder_with_other_files_is_refused_before_anything_is_written(out):
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(rn.InputError, match="other files, which would be lost; choose another --out"):
        write(out, "new")
    assert [path.name for path in out.parent.rglob("*")] == ["report", "thesis.tex"]


def test_files_that_appear_during_the_run_are_not_lost(out):
    with pytest.raises(rn.InputError, match="other files"), replacing(out) as folder:
        (folder / MARK).write_text("new")
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    assert [path.name for path in out.parent.rglob("*")] == ["report", "thesis.tex"]


@pytest.mark.parametrize("kind", ["file", "link to a folder", "dangling link"])
def test_a_file_or_link_is_refused(out, kind):
    if kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to(out.parent if kind == "link to a folder" else "nowhere")
    with pytest.raises(rn.InputError, match="file or link"):
        write(out, "new")
    assert [path.name for path in out.parent.iterdir()] == ["report"]


def test_a_folder_that_cannot_be_made_is_refused(out):
    out.write_text("a file where a folder is needed")
    for impossible in (out / "sub", out / "sub" / "deeper", Path(os.devnull) / "x", out.parent / ("x" * 300)):
        with pytest.raises(rn.InputError, match="can be written.*choose another --out"):
            write(impossible, "new")
    with pytest.raises(rn.InputError, match="File name too long"):
        write(out.parent / "made" / ("x" * 250), "new")  # too long once the partial folder's name is added
    assert [path.name for path in out.parent.iterdir()] == ["report"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses new folders to all users")
def test_a_read_only_place_is_refused():
    with pytest.raises(rn.InputError, match="can be written, got /proc/report"):
        write("/proc/report", "new")


@pytest.mark.parametrize("name", [".", "..", "", " ", "../here", "link"])
def test_the_working_folder_is_not_pulled_from_under_the_shell(tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if name == "link":
        (tmp_path / "link").symlink_to(tmp_path)
        name = tmp_path / "link" / "here"
    with pytest.raises(rn.InputError, match="working folder|empty name"):
        write(name, "new")
    assert list((tmp_path / "here").iterdir()) == []


def test_a_mounted_disk_is_refused_before_the_work_and_not_after_it(out, monkeypatch):
    out.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    with pytest.raises(rn.InputError, match="where a disk is mounted; name a folder inside it"):
        write(out, "new")


def test_a_killed_run_leaves_the_old_report_and_the_next_run_cleans_up_after_it(out):
    write(out, "old")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(out)], stdout=subprocess.PIPE, text=True, cwd=Path(rn.__file__).parent.parent
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "inside\n"
        beside = [path for path in out.parent.iterdir() if path != out]
        assert [(path / "report.html").read_text() for path in beside] == ["half"]
        with replacing(out.parent / "other") as folder:  # a running process keeps its partial folder
            (folder / MARK).touch()
        write(out, "old")
        assert beside[0].exists()
    finally:
        child.kill()
        child.communicate()
    assert (out / "report.html").read_text() == "old"
    assert beside[0].exists()  # SIGKILL: nothing could clean up
    manifest.remove(out.parent / "other")
    write(out, "new")
    assert_complete(out, "new")


def test_abandoned_folders_are_found_under_names_with_wildcards(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".r[1].partial-abc.{dead.pid}").mkdir()
    (tmp_path / f".other.partial-abc.{dead.pid}").mkdir()
    write(tmp_path / "*", "new")
    assert len(list(tmp_path.iterdir())) == 3  # those of other reports stay
    write(tmp_path / "r[1]", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["*", f".other.partial-abc.{dead.pid}", "r[1]"]


def test_a_run_killed_between_its_two_renames_gives_the_old_report_back(out, monkeypatch):
    write(out, "old")
    monkeypatch.setattr(folders, "_exchange", lambda a, b: False)
    with monkeypatch.context() as patch:
        rename = Path.rename

        def killed_at_the_second(self, target):
            if target == out:
                raise KeyboardInterrupt
            return rename(self, target)

        patch.setattr(Path, "rename", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            write(out, "new")
    assert not out.exists()
    with pytest.raises(RuntimeError), replacing(out):
        back = (out / "report.html").read_text() == "old"
        raise RuntimeError
    assert back
    assert_complete(out, "old")


# What somebody else wrote is never replaced


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_another_program_with_the_names_of_a_report_is_refused(out, either_way):
    for name in ("study.json", "report.html", "figures/photo.txt", "tables/raw/data.csv"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    before = files_of(out)
    with pytest.raises(rn.InputError, match=r"other files.*move away figures/, figures/photo.txt, .*and \d more"):
        write(out, "new")
    assert files_of(out) == before and [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("add", "named"),
    [
        (lambda out: (out / "notes.txt").write_text("mine"), "notes.txt"),
        (lambda out: (out / "figures" / "deep" / "er").mkdir(parents=True), "figures/deep/"),
        (lambda out: (out / "figures" / "photo.txt").write_text("mine"), "figures/photo.txt"),
        (lambda out: (out / "report.html").write_text("mine"), r"report.html \(changed since\)"),
        (lambda out: (out / "link").symlink_to(out.parent), "link"),
        (lambda out: os.mkfifo(out / "pipe"), "pipe"),
        (lambda out: ((out / MARK).unlink(), (out / MARK).symlink_to("report.html")), r"study.json \(changed since\)"),
        (lambda out: (out / manifest.NAME).write_text("{}"), "without .roughntk.json nothing|figures/"),
        (lambda out: (out / manifest.NAME).unlink(), "without .roughntk.json nothing"),
    ],
)
def test_anything_that_was_added_or_changed_is_named_and_kept(out, either_way, add, named):
    write(out, "old")
    add(out)
    before = sorted(str(path) for path in out.rglob("*"))
    with pytest.raises(rn.InputError, match=named):
        write(out, "new")
    assert sorted(str(path) for path in out.rglob("*")) == before
    assert (out / "figures" / "errors.png").read_text() == "old"


def test_a_result_of_another_kind_is_not_replaced(out):
    with replacing(out, ("phase.json",)) as folder:
        (folder / "phase.json").write_text("a diagram")
    with pytest.raises(rn.InputError, match="phase.json"):
        write(out, "new")


def test_a_report_of_which_files_were_removed_is_replaced(out, either_way):
    write(out, "old")
    (out / "report.html").unlink()
    write(out, "new")
    assert_complete(out, "new")


def test_a_file_that_appears_in_the_last_moment_is_given_back(out, either_way, monkeypatch):
    write(out, "old")
    check = folders._check_replaceable
    calls = []

    def then_somebody_writes(*arguments):
        check(*arguments)
        calls.append(None)
        if len(calls) == 2:
            (out / "thesis.tex").write_text("mine")

    monkeypatch.setattr(folders, "_check_replaceable", then_somebody_writes)
    with pytest.raises(rn.InputError, match="other files"):
        write(out, "new")
    assert (out / "thesis.tex").read_text() == "mine" and (out / "report.html").read_text() == "old"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_folders_with_our_hidden_names_that_are_not_ours_stay(out, monkeypatch):
    monkeypatch.setattr(folders, "_exchange", lambda a, b: False)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    hidden = (out.parent / f".{out.name}.previous", out.parent / f".{out.name}.partial-x.{dead.pid}")
    for folder in hidden:
        folder.mkdir()
        (folder / "thesis.tex").write_text("mine")
    write(out, "old")
    with pytest.raises(rn.InputError, match=r"thesis.tex"):
        write(out, "new")
    assert all((folder / "thesis.tex").read_text() == "mine" for folder in hidden)
    assert (out / "report.html").read_text() == "old"


def test_only_an_error_of_writing_the_report_blames_the_folder(out, tmp_path):
    elsewhere = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "cache"))
    with pytest.raises(PermissionError), replacing(out):
        raise elsewhere
    with pytest.raises(rn.InputError, match="--out"), replacing(out) as folder:
        (folder / "no" / "such" / "folder.txt").write_text("")
    assert list(tmp_path.iterdir()) == []


# Hidden folders of runs that are gone: what the program wrote goes, whatever else stays


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def begun(folder):
    """A folder as a run leaves it that is killed while it writes."""
    folder.mkdir(parents=True)
    manifest.begin(folder, MARK, folders.STUDY)
    (folder / "figures").mkdir()
    (folder / "figures" / "errors.png").write_text("half")
    (folder / "report.html").write_text("half")
    return folder


FOREIGN = {
    "a file": lambda folder: (folder / "mine.txt").write_text("mine"),
    "a picture": lambda folder: (folder / "figures" / "mine.png").write_text("mine"),
    "an empty folder": lambda folder: (folder / "mine").mkdir(),
    "a folder with a name of ours": lambda folder: (folder / "study.json").mkdir(),
    "a link with a name of ours": lambda folder: (folder / "study.json").symlink_to(folder / "report.html"),
    "a link to a folder": lambda folder: (folder / "tables").symlink_to(folder.parent),
    "a pipe": lambda folder: os.mkfifo(folder / "study.json"),
}


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("add", FOREIGN.values(), ids=FOREIGN)
def test_an_abandoned_folder_with_anything_else_in_it_stays_whole_and_is_named(out, add, gone):
    folder = begun(out.parent / f".{out.name}.partial-ab.{gone}")
    add(folder)
    before = everything(folder)
    with pytest.warns(RuntimeWarning, match="stays, since not all in it was written by this program: move away"):
        write(out, "new")
    assert everything(folder) == before and (folder / "report.html").read_text() == "half"
    assert (out / "report.html").read_text() == "new"


def test_an_abandoned_folder_whose_names_were_not_announced_stays(out, gone):
    folder = out.parent / f".{out.name}.partial-ab.{gone}"
    folder.mkdir()
    manifest.begin(folder, MARK)
    (folder / "mine.txt").write_text("mine")
    with pytest.warns(RuntimeWarning, match="move away mine.txt, and remove"):
        write(out, "new")
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["", '{\n "prog', None])
def test_an_abandoned_folder_is_removed_at_every_stage(out, gone, content):
    folder = begun(out.parent / f".{out.name}.partial-ab.{gone}")
    if content is not None:  # killed while it wrote the first list
        manifest.remove(folder)
        folder.mkdir()
        (folder / manifest.NEW).write_text(content)
    write(out, "new")
    assert_complete(out, "new")


@pytest.mark.parametrize("name", [manifest.NAME, manifest.NEW])
def test_a_list_of_somebody_else_is_not_ours(out, gone, name):
    folder = out.parent / f".{out.name}.partial-ab.{gone}"
    folder.mkdir()
    (folder / name).write_text("mine")
    write(out, "new")
    assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_a_previous_report_that_is_not_whole_and_ours_is_left(out, either_way, there):
    previous = begun(out.parent / f".{out.name}.previous")
    (previous / "mine.txt").write_text("mine")
    before = everything(previous)
    if there:
        write(out.parent / "first", "old")
        (out.parent / "first").rename(out)
    if there and not folders._exchange(out, out):
        with pytest.raises(rn.InputError, match="mine.txt"):
            write(out, "new")
    else:
        write(out, "new")
    assert everything(previous) == before and (previous / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("hidden", ["previous", "partial"])
def test_a_link_under_a_hidden_name_is_left_and_so_is_where_it_leads(tmp_path, hidden, there, gone, either_way):
    out, target = tmp_path / "below" / "report", tmp_path / "target"
    out.parent.mkdir()
    if there:
        write(out, "old")
    write(target, "mine")
    link = out.parent / (f".{out.name}.previous" if hidden == "previous" else f".{out.name}.partial-ab.{gone}")
    link.symlink_to(target)
    try:
        write(out, "new")
    except rn.InputError as error:  # without the system's exchange the name is needed
        assert there and hidden == "previous" and "got a file or link" in str(error)
    assert link.is_symlink() and sorted(files_of(target)) == sorted(
        [manifest.NAME, "figures/errors.png", "report.html", MARK]
    )
    assert not out.is_symlink() and (out / "report.html").read_text() in ("old", "new")


def test_what_comes_into_the_folder_while_it_is_written_is_never_claimed(out):
    with replacing(out) as folder:
        (folder / MARK).write_text("new")
        (folder / "mine.txt").write_text("mine")
    assert set(manifest.read(out)["files"]) == {MARK}
    with pytest.raises(rn.InputError, match="move away mine.txt"):
        write(out, "newer")
    raised, warned = pytest.raises(ZeroDivisionError), pytest.warns(RuntimeWarning, match="mine.txt")
    with warned, raised, replacing(out.parent / "other") as folder:
        (folder / "mine.txt").write_text("mine")
        raise ZeroDivisionError
    assert (folder / "mine.txt").read_text() == "mine" and (out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("process", ["9" * 30, "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT TWO}", "-1", ""])
def test_hidden_folders_with_odd_numbers_are_no_fault(out, process):
    (out.parent / f".{out.name}.partial-ab.{process}").mkdir()
    write(out, "new")
    assert (out / "report.html").read_text() == "new"

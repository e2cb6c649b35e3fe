import errno
import os
import subprocess
from pathlib import Path

import pytest

from lbt_core import UserError
from lbt_core.run.record import require_writable
from lbt_core.store import Files, StoreUnavailable


@pytest.fixture(params=["file", "memory"])
def files(request, tmp_path):
    """A store on a file system, and one that only knows whole objects."""
    if request.param == "file":
        yield Files(str(tmp_path / "run"))
        return
    store = Files(f"memory://{tmp_path.name}/run")
    yield store
    if store.exists(""):
        store.fs.rm(store.root, recursive=True)


def everything(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_what_is_written_is_read(files):
    files.write("a/b.bin", b"\x00one")
    assert files.read("a/b.bin") == b"\x00one"
    assert files.exists("a/b.bin")
    assert files.names("a") == ["b.bin"]


def test_writing_again_replaces(files):
    files.write("a", b"longer than the second")
    files.write("a", b"two")
    assert files.read("a") == b"two"


def test_missing_file_raises_file_not_found(files):
    assert not files.exists("nothing")
    assert files.names("nothing") == []
    with pytest.raises(FileNotFoundError):
        files.read("nothing")


def test_moving_aside_keeps_the_bytes_under_another_name(files):
    files.write("exams/part-00000.parquet", b"one")
    where = files.move_aside("exams/part-00000.parquet")
    assert not files.exists("exams/part-00000.parquet")
    assert files.read(where) == b"one"


def test_moving_the_same_name_aside_twice_keeps_both(files):
    kept = []
    for content in (b"one", b"two"):
        files.write("exams/part-00000.parquet", content)
        kept.append(files.move_aside("exams/part-00000.parquet"))
    assert [files.read(where) for where in kept] == [b"one", b"two"]


def test_moving_a_folder_aside_keeps_its_files(files):
    files.write("exams/part-00000.parquet", b"one")
    files.write("exams/deep/two", b"two")
    where = files.move_aside("exams")
    assert not files.exists("exams/part-00000.parquet")
    assert files.read(f"{where}/part-00000.parquet") == b"one"
    assert files.read(f"{where}/deep/two") == b"two"


def test_unknown_protocol_is_a_users_mistake():
    with pytest.raises(UserError, match="nonsense"):
        Files("nonsense://somewhere")


def test_local_path_of_a_remote_store_is_refused():
    with pytest.raises(UserError, match="file system"):
        Files("memory://somewhere").local("training")


def test_crash_before_the_rename_leaves_the_old_content_and_no_new_name(tmp_path):
    """The process is killed at the moment of the rename, as a power cut would."""
    files = Files(str(tmp_path))
    files.write("part", b"old")
    program = (
        "import os, signal, sys\n"
        "from lbt_core.store import Files\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Files(sys.argv[1]).write('part', b'new')\n"
    )
    done = subprocess.run([os.sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert files.read("part") == b"old"
    assert [name for name in files.names("") if not name.startswith(".")] == ["part"]


def test_failed_rename_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreUnavailable, match="part"):
        Files(str(tmp_path)).write("part", b"new")
    assert everything(tmp_path) == set()


def test_bytes_are_on_disk_before_the_name_is(tmp_path, monkeypatch):
    """The order that makes a commit survive a power cut: flush, rename, flush the folder."""
    order = []
    flush, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("flush"), flush(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), rename(a, b))[1])
    Files(str(tmp_path)).write("part", b"new")
    assert order == ["flush", "rename", "flush"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_said_with_path_and_size_and_leaves_nothing(small_disk):
    files = Files(str(small_disk / "run"))
    with pytest.raises(StoreUnavailable, match=r"exams/part.*disk full, 4\.0 MiB"):
        files.write("exams/part", os.urandom(4 * 2**20))
    assert everything(small_disk) == set()


def test_full_disk_keeps_what_was_there(small_disk):
    files = Files(str(small_disk / "run"))
    files.write("part", b"old")
    with pytest.raises(StoreUnavailable):
        files.write("part", os.urandom(4 * 2**20))
    assert files.read("part") == b"old"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_told_from_other_errors(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreUnavailable, match="disk full") as caught:
        Files(str(tmp_path)).write("part", b"new")
    assert caught.value.errno == code
    assert everything(tmp_path) == set()


def test_store_on_a_read_only_disk_is_refused_in_one_line(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match="not writable") as caught:
        require_writable(str(small_disk / "run"))
    assert "\n" not in str(caught.value)


def test_store_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not writable"):
        require_writable(str(tmp_path / "file" / "run"))


def test_nothing_is_found_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    files = Files(str(tmp_path / "file"))
    assert not files.exists("run.json")
    with pytest.raises(FileNotFoundError):
        files.read("run.json")


def test_probing_a_store_leaves_nothing(files):
    require_writable(files.uri)
    assert files.names("") == []

"""The front door: which Python, which environment, what is asked of the network; and the doctor."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import bootstrap, cli, doctor
from coursekit.build import root

BARE = ["__init__", "__main__", "bootstrap", "build", "cli", "colab", "doctor", "place", "data/files"]


def python_of(version):
    """A Python of this version on this machine, or skip."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = next((path for path in sorted(folder.glob(f"{version}.*/bin/python"))), None)
    if found is None:
        pytest.skip(f"Python {version} is not on this machine")
    return found


# --- which Python


def test_the_range_of_pythons_stands_in_one_place():
    low, high = bootstrap.OLDEST, bootstrap.NEWEST
    text = {name: (root() / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "environment.yml")}
    assert f'requires-python = ">=3.{low[1]},<3.{high[1] + 1}"' in text["pyproject.toml"]
    assert f"python>=3.{low[1]},<3.{high[1] + 1}" in text["environment.yml"]
    workflow = (root() / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert [f'"3.{minor}"' for minor in range(low[1], high[1] + 1)] == re.findall(
        r'"3\.\d+"', workflow.split("floor")[0]
    )


def test_the_conda_environment_has_what_the_course_and_its_grading_need():
    import tomllib

    project = tomllib.loads((root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = set(re.findall(r"(?m)^ +- ([a-z0-9-]+)", (root() / "environment.yml").read_text(encoding="utf-8")))
    there |= {"tensorflow-cpu", "xgboost-cpu", "matplotlib"}  # under other names with conda
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["cpu"] + extras["lab"] + extras["grade"]
    assert {re.match(r"[\w-]+", line)[0] for line in lines} - there == set()


def about(version, ordinary=True):
    return {"version": version, "ordinary": ordinary, "executable": "python"}


def test_which_python_fits():
    assert [bootstrap.fits(about((3, minor))) for minor in range(10, 15)] == [False, True, True, True, False]
    assert not bootstrap.fits(about((3, 12), ordinary=False)) and not bootstrap.fits(None)


def test_a_python_describes_itself_and_a_shim_that_fails_does_not(tmp_path):
    assert bootstrap.fits(bootstrap.describe([sys.executable]))
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert bootstrap.describe([str(shim)]) is None and bootstrap.describe(["no-such-python"]) is None


def test_where_a_python_is_looked_for():
    commands = [" ".join(command) for command in bootstrap.candidates(windows=True)]
    assert commands[0] == sys.executable and commands[1:4] == ["python3.13", "python3.12", "python3.11"]
    assert "py -3.12" in commands and not [c for c in bootstrap.candidates(windows=False) if c[0] == "py"]


@pytest.mark.parametrize(
    "system, machine, words",
    [
        ("Linux", "x86_64", ""),
        ("Darwin", "arm64", ""),
        ("Windows", "AMD64", ""),
        ("Darwin", "x86_64", "Intel"),
        ("Windows", "ARM64", "Windows on ARM"),
        ("Linux", "riscv64", "riscv64"),
    ],
)
def test_machines_without_tensorflow_are_shown_to_colab(system, machine, words):
    said = bootstrap.unsupported(system, machine)
    assert bool(said) == bool(words) and words in said
    assert not said or "https://colab.research.google.com/github/" in said


def test_a_folder_that_is_too_deep_for_windows_is_refused():
    assert bootstrap.too_deep(50, long_paths=False) == bootstrap.too_deep(200, long_paths=True) == ""
    assert "C:\\course" in bootstrap.too_deep(100, long_paths=False)


def test_no_path_below_the_checkout_is_longer_than_is_counted_with():
    """Where Linux has lib/python3.11/site-packages, Windows has Lib/site-packages."""
    import tensorflow

    site = Path(tensorflow.__file__).parents[1]
    longest = max(len(str(path)) - len(str(site)) for path in site.glob("tensorflow/**/*"))
    assert longest + len(".venv/Lib/site-packages") <= bootstrap.DEEPEST


# --- any Python starts it


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_an_old_python_says_one_sentence(version):
    done = subprocess.run([python_of(version), "-m", "coursekit", "lab"], cwd=root(), capture_output=True, text=True)
    assert done.returncode == 1 and "too old" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.13"])
def test_help_and_wrong_arguments_need_no_environment(version):
    bare = [python_of(version), "-S", "-m", "coursekit"]
    for arguments, status, words in (
        (["--help"], 0, "doctor"),
        (["grade", "--help"], 0, "SUBMISSIONS"),
        (["lab", "--solution", "99"], 2, "There is no notebook"),
        (["frob"], 2, "There is no command"),
        (["grade", "x"], 2, "--out"),
    ):
        done = subprocess.run([*bare, *arguments], cwd=root(), capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == status and words in said and "Traceback" not in said, (arguments, said)
        assert status == 0 or len(said.splitlines()) == 1


@pytest.mark.parametrize("name", BARE)
def test_what_runs_first_imports_the_standard_library_alone(name):
    import ast

    tree = ast.parse((root() / "coursekit" / f"{name}.py").read_text(encoding="utf-8"))
    names = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"coursekit"}


# --- one environment


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A checkout without an environment, and a record of the commands that would be run."""
    for name in ("coursekit/data", "coursekit/exercises", "course", "data"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("requirements.txt", "tests/requirements.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((root() / name).read_bytes())
    for name, value in (("ROOT", tmp_path), ("VENV", tmp_path / ".venv"), ("UV", tmp_path / ".uv")):
        monkeypatch.setattr(bootstrap, name, value)
    calls = []

    def call(command):
        calls.append([str(part) for part in command])
        if "venv" in calls[-1]:
            (tmp_path / ".venv" / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
            bootstrap.venv_python().parent.mkdir(parents=True)
            bootstrap.venv_python().write_text("")
        return 0, ""

    real = bootstrap.works
    monkeypatch.setattr(
        bootstrap, "works", lambda python: python.exists() if tmp_path in python.parents else real(python)
    )
    monkeypatch.setattr(bootstrap, "_call", call)
    monkeypatch.setattr(bootstrap, "find_uv", lambda pythons: "uv")
    return calls


def test_a_fresh_checkout_installs_once(fresh):
    bootstrap.ensure()
    text = [" ".join(command) for command in fresh]
    assert any("venv -q --seed" in line for line in text)
    assert any("uv pip install" in line and "--require-hashes" in line for line in text)
    fresh.clear()
    bootstrap.ensure()
    assert fresh == [], "the second start costs nothing"
    bootstrap.ensure(test=True)
    assert any(str(Path("tests") / "requirements.txt") in " ".join(command) for command in fresh)


def test_changed_requirements_install_again(fresh):
    bootstrap.ensure()
    fresh.clear()
    (bootstrap.ROOT / "requirements.txt").write_text("numpy")
    bootstrap.ensure()
    assert fresh


def test_without_a_python_that_fits_uv_fetches_one(fresh, monkeypatch, capfd):
    monkeypatch.setattr(bootstrap, "find_python", lambda: None)
    monkeypatch.setattr(bootstrap, "describe", lambda command: None)
    bootstrap.ensure()
    assert fresh[0][:-1] == ["uv", "venv", "-q", "--seed", "--python", bootstrap.FETCHED]
    assert "uv fetches Python" in capfd.readouterr().err
    shutil.rmtree(bootstrap.VENV)
    monkeypatch.setattr(bootstrap, "find_uv", lambda pythons: None)
    with pytest.raises(bootstrap.Stop, match="Check the network"):
        bootstrap.ensure()


def test_a_failed_install_is_one_sentence_and_goes_on_next_time(fresh, monkeypatch):
    works = bootstrap._call
    full = f"No space left on device: {bootstrap.ROOT}/neural-networks/.venv/connect"
    for said, words in (("dns error", "There is no network"), (full, "could not be installed")):
        monkeypatch.setattr(bootstrap, "_call", lambda c, s=said: (1, s) if "--require-hashes" in c else works(c))
        with pytest.raises(bootstrap.Stop, match=words):
            bootstrap.ensure()
    monkeypatch.setattr(bootstrap, "_call", works)
    fresh.clear()
    bootstrap.ensure()
    assert any("--require-hashes" in command for command in fresh)


@pytest.mark.parametrize(
    "installed, active, complete, second",
    [(True, "conda", True, False), (True, "conda", False, True), (False, "conda", False, True), (True, "", True, True)],
)
def test_an_active_environment_that_fits_is_used(fresh, monkeypatch, capfd, installed, active, complete, second):
    for name, value in (("is_installed", installed), ("active", active), ("inside", False)):
        monkeypatch.setattr(bootstrap, name, lambda value=value: value)
    monkeypatch.setattr(bootstrap, "has", lambda modules: complete)
    python = bootstrap.interpreter("lab")
    assert (python != sys.executable) is second and bool(fresh) is second
    assert ("--here" in capfd.readouterr().err) is bool(second and active)


def test_here_installs_into_the_active_environment(fresh, monkeypatch):
    monkeypatch.setattr(bootstrap, "active", lambda: "mine")
    monkeypatch.setattr(bootstrap, "is_installed", lambda: False)
    assert bootstrap.interpreter("lab", here=True) == sys.executable
    (command,) = fresh
    assert command[:5] == ["uv", "pip", "install", "-q", "--python"] and command[-1].endswith("[cpu,lab,grade]")
    monkeypatch.setattr(bootstrap, "active", lambda: "")
    with pytest.raises(bootstrap.Stop, match="none is active"):
        bootstrap.interpreter("lab", here=True)


def test_uv_does_not_stand_in_the_environment_that_it_fills(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "UV", tmp_path / ".uv")
    inner = tmp_path / ".venv" / "bin" / "uv"
    inner.parent.mkdir(parents=True)
    inner.write_text("#!/bin/sh\necho uv 1\n")
    inner.chmod(0o755)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: str(inner))
    monkeypatch.setattr(bootstrap, "_call", lambda command: (1, "offline"))
    assert bootstrap.find_uv([sys.executable]) is None


def test_a_home_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    from coursekit import place

    name = "USERPROFILE" if os.name == "nt" else "HOME"
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    monkeypatch.setenv("COURSEKIT_COURSE", str(tmp_path))
    place.stand_in_for_home()
    assert os.environ[name] == str(tmp_path / ".home") and (tmp_path / ".home").is_dir()


def inside(monkeypatch, version=sys.version_info, installed=False):
    monkeypatch.setattr(bootstrap, "inside", lambda: True)
    monkeypatch.setattr(bootstrap, "is_installed", lambda: installed)
    monkeypatch.setattr(bootstrap.sys, "version_info", version)


def test_an_active_venv_of_ones_own_is_filled_by_any_command(fresh, monkeypatch):
    inside(monkeypatch)
    assert bootstrap.interpreter("run") == sys.executable
    assert any("--require-hashes" in command for command in fresh)


def test_an_active_venv_whose_python_does_not_fit_is_left_alone(fresh, monkeypatch):
    inside(monkeypatch, version=(3, 10, 1))
    with pytest.raises(bootstrap.Stop, match="has Python 3.10.*doctor --fix"):
        bootstrap.interpreter("run")
    assert not fresh


@pytest.mark.parametrize("status", [0, 1])
def test_a_venv_that_the_course_did_not_make_is_kept(fresh, monkeypatch, capfd, status):
    bootstrap.VENV.mkdir()
    (bootstrap.VENV / "mine.txt").write_text("work of weeks")
    made = bootstrap._call
    monkeypatch.setattr(bootstrap, "_call", lambda c: (1, "no room") if status and "venv" in c else made(c))
    if status:
        with pytest.raises(bootstrap.Stop):
            bootstrap.ensure()
        assert (bootstrap.VENV / "mine.txt").exists()
    else:
        bootstrap.ensure()
        assert (bootstrap.ROOT / ".venv.old1" / "mine.txt").exists()
        assert "kept as .venv.old1" in capfd.readouterr().err


def test_an_environment_of_the_courses_own_is_made_again_in_its_place(fresh):
    bootstrap.ensure()
    bootstrap.venv_python().unlink()
    bootstrap.ensure()
    assert bootstrap.venv_python().exists() and not list(bootstrap.ROOT.glob(".venv.old*"))


def test_an_environment_of_ones_own_that_lacks_what_run_needs_is_not_used(fresh, monkeypatch, capfd):
    for name, value in (("is_installed", True), ("active", "mine"), ("inside", False)):
        monkeypatch.setattr(bootstrap, name, lambda value=value: value)
    monkeypatch.setattr(bootstrap, "has", lambda modules: "nbclient" not in modules)
    assert bootstrap.interpreter("run") == str(bootstrap.venv_python())
    assert "-m coursekit lab --here" in capfd.readouterr().err
    assert bootstrap.interpreter("progress") == sys.executable


def test_a_python_of_the_system_that_has_all_that_run_needs_is_used(fresh, monkeypatch):
    for name, value in (("is_installed", True), ("active", ""), ("inside", False)):
        monkeypatch.setattr(bootstrap, name, lambda value=value: value)
    monkeypatch.setattr(bootstrap, "has", lambda modules: True)
    assert bootstrap.interpreter("run") == bootstrap.interpreter("grade") == sys.executable and not fresh


def test_a_file_in_the_place_of_the_environment_is_named(fresh):
    bootstrap.VENV.write_text("")
    with pytest.raises(bootstrap.Stop, match="is a file"):
        bootstrap.ensure()
    assert "is a file" in bootstrap.refusal()


def test_looking_whether_the_folder_can_be_written_leaves_nothing(fresh):
    assert bootstrap.refusal() == "" and not bootstrap.VENV.exists()


def test_a_checkout_that_was_copied_by_halves_is_named(fresh):
    (bootstrap.ROOT / "requirements.txt").unlink()
    for start in (bootstrap.ensure, bootstrap.mend):
        with pytest.raises(bootstrap.Stop, match="lacks requirements.txt. `git checkout"):
            start()


@pytest.mark.parametrize("damage", ["bytes", "folder"])
def test_a_damaged_stamp_installs_again(fresh, damage):
    bootstrap.ensure()
    stamp = next(bootstrap.VENV.glob("*.stamp"))
    stamp.unlink()
    stamp.write_bytes(b"\xff\xfe") if damage == "bytes" else stamp.mkdir()
    fresh.clear()
    bootstrap.ensure()
    assert any("--require-hashes" in command for command in fresh) and stamp.is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot let a process take another's place")
def test_a_command_takes_the_place_of_the_front_door():
    """So Ctrl-C and SIGTERM reach it, and nothing waits before it that would kill it or outlive it."""
    code = "import os, sys; from coursekit import bootstrap; print(os.getpid()); bootstrap.hand_over("
    code += "[sys.executable, '-c', 'import os; print(os.getpid()); raise SystemExit(3)'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root(), capture_output=True, text=True)
    first, second = done.stdout.split()
    assert first == second and done.returncode == 3


# --- the doctor


def package(site, name, version="1.0", **files):
    """An installed package, as pip leaves one."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / name).mkdir()
    rows = []
    for file, text in files.items():
        (site / name / f"{file}.py").write_text(text)
        rows.append(f"{name}/{file}.py,sha256=x,{len(text)}")
    (info / "RECORD").write_text("\n".join(rows))


def test_broken_packages_are_found_and_installed_again(fresh):
    bootstrap.ensure()
    site = bootstrap.site_packages()
    for name in ("whole", "file_gone", "folder_gone", "changed", "all_gone"):
        package(site, name, one="1", two="22")
    (bootstrap.ROOT / "requirements.txt").write_text("another")
    bootstrap.ensure()  # writes down what is there
    (site / "file_gone" / "two.py").unlink()
    shutil.rmtree(site / "folder_gone")
    (site / "changed" / "one.py").write_text("longer")
    shutil.rmtree(site / "all_gone")
    shutil.rmtree(site / "all_gone-1.0.dist-info")
    broken = bootstrap.broken_packages()
    assert broken == {
        "file-gone": "file_gone/two.py is missing",
        "folder-gone": "folder_gone/one.py is missing",
        "changed": "changed/one.py has another size",
        "all-gone": "it is gone",
    }
    fresh.clear()
    bootstrap.mend()
    assert any("--require-hashes" in command for command in fresh)
    assert [path.name for path in site.glob("*.dist-info")] == ["whole-1.0.dist-info"], "the others are to come again"


def test_another_version_is_found_and_installed_again(fresh, capfd):
    bootstrap.ensure()
    site = bootstrap.site_packages()
    for name in ("numpy", "Jinja2", "mine"):
        package(site, name, one="1")
    (bootstrap.ROOT / "requirements.txt").write_text("numpy==1.0 \\\n  --hash=x\njinja2==1.0 ; os_name != 'x'\n")
    bootstrap.ensure()
    assert bootstrap.changed_packages() == {}
    for name in ("numpy", "mine"):
        shutil.rmtree(site / name)
        shutil.rmtree(site / f"{name}-1.0.dist-info")
        package(site, name, version="0.9", one="1")
    assert bootstrap.changed_packages() == {"numpy": "it is 0.9 and not 1.0"}, "a package of one's own may change"
    looks = bad(doctor.look_at_files(doctor.Environment("python", site)))
    assert "0.9 and not 1.0" in "".join(looks) and "doctor --fix" in "".join(looks.values())
    fresh.clear()
    bootstrap.mend()
    assert any("--require-hashes" in command for command in fresh)
    assert (site / "numpy-0.9.dist-info").exists(), "the installer takes away what it replaces"


def test_a_file_in_place_of_a_packages_folder_is_out_of_the_way_of_the_fix(fresh):
    bootstrap.ensure()
    site = bootstrap.site_packages()
    package(site, "one", one="1")
    shutil.rmtree(site / "one")
    (site / "one").write_text("hello")
    with (site / "one-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("\n\n")  # an empty line is no file
    bootstrap.forget(bootstrap.broken_packages())
    assert not (site / "one").exists() and not (site / "one-1.0.dist-info").exists()


def test_the_fix_installs_even_where_nothing_seems_broken(fresh):
    bootstrap.ensure()
    fresh.clear()
    bootstrap.mend()
    assert any("--require-hashes" in command for command in fresh)


@pytest.mark.parametrize("record", [b"\0" * 40, b"", b"\xff\xfe", b"a.py,sha256=x,many"])
def test_a_damaged_list_of_files_is_a_broken_package(fresh, record):
    bootstrap.ensure()
    package(bootstrap.site_packages(), "one", one="1")
    (bootstrap.site_packages() / "one-1.0.dist-info" / "RECORD").write_bytes(record)
    (problem,) = bootstrap.broken_packages().values()
    assert problem.startswith("the list of its files is")


def test_a_description_that_is_no_text_is_no_version(tmp_path):
    package(tmp_path, "one")
    (tmp_path / "one-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe")
    assert doctor.Environment("python", tmp_path).version("one") is None


def test_doctor_before_the_set_up_looks_ahead(fresh, monkeypatch):
    monkeypatch.setattr(bootstrap, "is_installed", lambda: False)
    monkeypatch.setattr(bootstrap, "find_python", lambda: None)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9 * 2**30, 0, 2 * 2**30))
    bootstrap.VENV.write_text("")
    (bootstrap.ROOT / "requirements.txt").unlink()
    said = list(doctor.examine())
    notes = [result.what for result in said if result.status == "note"]
    assert "no Python 3.11 to 3.13" in notes[1]
    named = " ".join(f"{what}. {mend}" for what, mend in bad(said).items())
    for words in ("is a file", "lacks requirements.txt", "only 2.0 GB", "3 GB are needed"):
        assert words in named


def test_doctor_has_one_mend_for_the_python_of_the_courses_environment(monkeypatch):
    monkeypatch.setattr(bootstrap, "describe", lambda command: about((3, 10)))
    (mend,) = bad(doctor.look_at_python(str(bootstrap.venv_python()))).values()
    assert "doctor --fix" in mend


def test_the_fix_is_for_the_courses_environment_alone(monkeypatch):
    monkeypatch.setattr(doctor, "find_environment", lambda: HERE)
    monkeypatch.setattr(bootstrap, "mend", lambda: pytest.fail("it would make a second environment"))
    with pytest.raises(bootstrap.Stop, match="here the course runs in"):
        doctor.main(fix=True)


HERE = doctor.Environment(sys.executable)


def bad(results):
    return {result.what: result.mend for result in results if result.status == "bad"}


def test_doctor_finds_this_install_in_order():
    looks = (doctor.look_at_python(sys.executable), doctor.look_at_packages(HERE), doctor.look_at_clashes(HERE))
    assert [bad(look) for look in looks] == [{}, {}, {}] and bad(doctor.look_at_data()) == {}


def test_doctor_names_a_wrong_python(monkeypatch):
    monkeypatch.setattr(bootstrap, "describe", lambda command: about((3, 10)))
    assert "3.11 to 3.13" in "".join(bad(doctor.look_at_python("python")))
    monkeypatch.setattr(bootstrap, "describe", lambda command: None)
    assert "does not start" in "".join(bad(doctor.look_at_python("python")))


def test_doctor_names_missing_and_old_packages(monkeypatch):
    found, real = {"keras": "2.15.0", "nbclient": None}, doctor.Environment.version
    monkeypatch.setattr(doctor.Environment, "version", lambda self, n: found[n] if n in found else real(self, n))
    named = bad(doctor.look_at_packages(HERE))
    assert "keras 2.15.0 is outside" in " ".join(named) and "nbclient is missing" in named
    assert all(sys.executable in mend and "pip install" in mend for mend in named.values())


def test_doctor_names_clashes(monkeypatch):
    monkeypatch.setattr(doctor.Environment, "version", lambda self, name: "2.21")
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert [result.status for result in doctor.look_at_clashes(HERE)] == ["bad", "note", "bad"]
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert [result.status for result in doctor.look_at_clashes(HERE)] == ["bad", "note", "note"]


def test_doctor_names_damaged_data(tmp_path, monkeypatch):
    package = tmp_path / "coursekit"
    shutil.copytree(root() / "coursekit" / "data", package / "data", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root() / "data", tmp_path / "data", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(doctor.place, "PACKAGE", package)
    (tmp_path / "data" / "boston.csv").write_text("")
    ((what, mend),) = bad(doctor.look_at_data()).items()
    assert "boston.csv is damaged" in what and "git checkout" in mend


def test_doctor_of_a_bare_python_gives_its_advice():
    """Without site-packages the doctor runs, and where nothing is set up it says how to do that."""
    done = subprocess.run(
        [python_of("3.8"), "-S", "-c", "from coursekit import bootstrap, doctor; from pathlib import Path;"
         "bootstrap.VENV = Path('nowhere'); doctor.main()"],
        cwd=root(), capture_output=True, text=True,
    )  # fmt: skip
    assert "not set up here yet" in done.stdout and "-m coursekit lab" in done.stdout, done.stderr


@pytest.mark.parametrize("error", [ImportError("No module named 'rich'", name="rich"), SyntaxError("invalid syntax")])
def test_a_broken_package_is_named_with_its_mend(error, monkeypatch, capfd):
    def broken(*arguments, **settings):
        raise error

    monkeypatch.setattr(cli, "_execute", broken)
    monkeypatch.setattr(bootstrap, "interpreter", lambda command, here: sys.executable)
    monkeypatch.setattr(bootstrap, "inside", lambda: True)
    assert cli.main(["run", "00"]) == 1
    assert "doctor --fix" in capfd.readouterr().err

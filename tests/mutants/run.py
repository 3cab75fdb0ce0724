"""Hand-made mutants: each breaks the code in one place, and the tests must notice.

`python tests/mutants/run.py [NAME…]` reads NAME.toml beside this file (all of them without a name): `file` is
the module that is broken, `tests` are the test files that must notice, and each `[[mutant]]` says which text,
there exactly once, is replaced by what. Every mutant is made in a temporary copy. Exit code 0: all were
killed; 1: some survived, or a list is wrong.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIMIT_S = 180.0
PYTEST_INI = """[pytest]
addopts = --strict-markers --import-mode=importlib
filterwarnings = error
timeout = 20
"""
# A machine that is busy kills no mutant.
CONFTEST = """from hypothesis import HealthCheck, settings
settings.register_profile("mutants", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mutants")
"""
PASSED, FAILED = 0, 1  # pytest's exit codes; others mean that it could not run the tests


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file, and the tests that must notice it. Without a change: the code as it is."""

    name: str
    file: str
    tests: tuple[str, ...]
    old: str = ""
    new: str = ""

    def apply(self, text: str) -> str:
        """Return the text with the change in it.

        Raises:
            ValueError: What is to be replaced is not there exactly once, or the change changes nothing.
        """
        times = text.count(self.old)
        if times != 1 or self.old == self.new:
            raise ValueError(f"{self.name}: expected its old text once in {self.file}, found {times}")
        return text.replace(self.old, self.new)


def listed(names: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Yield for each list first the code as it is, whose tests must pass, and then its mutants."""
    for path in sorted(HERE.glob("*.toml")):
        if names and path.stem not in names:
            continue
        content = tomllib.loads(path.read_text("utf-8"))
        file, tests = content["file"], tuple(content["tests"])
        yield Mutant(f"{path.stem} as it is", file, tests)
        for number, mutant in enumerate(content["mutant"], start=1):
            yield Mutant(f"{path.stem} {number}", file, tests, mutant["old"], mutant["new"])


def ground(folder: Path) -> Path:
    """Copy what the tests need into a folder, and return it."""
    leave = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(ROOT / "automation", folder / "automation", ignore=leave)
    for part in ("unit", "property"):
        shutil.copytree(ROOT / "tests" / part, folder / "tests" / part, ignore=leave)
    for module in ("climbing.py", "pm2_values.py", "scripted_pm2.py"):
        shutil.copy(ROOT / "tests" / module, folder / "tests" / module)
    (folder / "pytest.ini").write_text(PYTEST_INI, "utf-8")
    (folder / "conftest.py").write_text(CONFTEST, "utf-8")
    return folder


def verdict(mutant: Mutant, folder: Path) -> str:
    """Run the tests against a mutant: `killed`, `survived`, or what is wrong with it."""
    path = folder / mutant.file
    text = path.read_text("utf-8")
    try:
        if mutant.old:
            path.write_text(mutant.apply(text), "utf-8")
        status = _tested(mutant.tests, folder)
    except ValueError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return "killed"  # a guard that hangs is noticed
    finally:
        path.write_text(text, "utf-8")
    if status not in {PASSED, FAILED}:
        return f"{mutant.name}: pytest could not run its tests (exit code {status})"
    if not mutant.old:
        return "" if status == PASSED else f"{mutant.name}: its tests fail"
    return "survived" if status == PASSED else "killed"


def _tested(tests: tuple[str, ...], folder: Path) -> int:
    shutil.rmtree(
        folder / ".hypothesis", ignore_errors=True
    )  # what killed one mutant must not help with the next
    options = ("-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=LIMIT_S,
        check=False,
    )
    return ended.returncode


def main(names: tuple[str, ...]) -> int:
    """Judge all mutants, as many at once as there are processors."""
    mutants = list(listed(names))
    workers = os.cpu_count() or 1
    grounds: SimpleQueue[Path] = SimpleQueue()

    def judge(mutant: Mutant) -> str:
        folder = grounds.get()
        try:
            return verdict(mutant, folder)
        finally:
            grounds.put(folder)

    with tempfile.TemporaryDirectory() as parent, ThreadPoolExecutor(workers) as pool:
        for number in range(workers):
            grounds.put(ground(Path(parent, str(number))))
        verdicts = list(pool.map(judge, mutants))
    return report(list(zip(mutants, verdicts, strict=True)))


def report(judged: list[tuple[Mutant, str]]) -> int:
    """Print the survivors and the count, and return the exit code."""
    wrong = [said for _, said in judged if said not in {"killed", "survived", ""}]
    survivors = [mutant for mutant, said in judged if said == "survived"]
    for one in survivors:
        sys.stdout.write(f"survived: {one.name} ({one.file})\n  - {one.old.strip()}\n  + {one.new.strip()}\n")
    sys.stdout.writelines(f"wrong: {said}\n" for said in wrong)
    killed = sum(said == "killed" for _, said in judged)
    sys.stdout.write(f"{killed} killed, {len(survivors)} survived\n")
    return 1 if survivors or wrong or not killed else 0


if __name__ == "__main__":
    raise SystemExit(main(tuple(sys.argv[1:])))

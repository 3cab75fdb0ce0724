"""What an ecosystem file declares, and how an app of PM2's list was started, as values. Pure.

Values of variables are held as checksums alone: they are compared, and never shown.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# What PM2 takes for an ecosystem file, by a part of its name; any other file it runs as an app.
CONFIGURATIONS = (".json", ".yml", ".yaml", ".config.js", ".config.cjs", ".config.mjs")

Marks = Mapping[str, int]  # by a variable's name, what tells its value from another


@dataclass(frozen=True, slots=True)
class App:
    """How one app is started: absolute script, arguments, interpreter, `fork_mode` or `cluster_mode`.

    `known` is false where nobody could fill in what the file leaves out; then only `env` is to be trusted.
    """

    script: str = ""
    args: tuple[str, ...] = ()
    interpreter: str = ""
    mode: str = ""
    known: bool = True


@dataclass(frozen=True, slots=True)
class Declared:
    """One app of a file.

    `names` are the variables that it sets, `env` the marks of those with a value, `blocks` the same for each
    `env_NAME`. `instances` is None where the file gives no number above 0. `interpreter_given` says that the
    file names one. `error` is why PM2 would refuse to start it.
    """

    name: str
    app: App
    names: frozenset[str] = frozenset()
    env: Marks = field(default_factory=dict)
    blocks: Mapping[str, Marks] = field(default_factory=dict)
    instances: int | None = None
    interpreter_given: bool = False
    error: str = ""

    def variants(self) -> dict[str, Marks]:
        """Return the environments that the app may be started with: the plain one first, named ""."""
        return {"": self.env} | {name: {**self.env, **block} for name, block in self.blocks.items()}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of evaluating a file: its apps, or why it cannot be used.

    `asked` are the variables of the shell that it reads and that nobody but the shell knows: what it declares
    depends on them. `unknown` is why nothing can be said of it.
    """

    path: str
    apps: tuple[Declared, ...] = ()
    damage: str = ""
    line: int = 0
    unknown: str = ""
    asked: tuple[str, ...] = ()


def is_configuration(path: str) -> bool:
    """Tell whether a file of the workspace is an ecosystem file that PM2 takes for one, by its name."""
    return path.startswith("ecosystem") and any(part in path for part in CONFIGURATIONS)


def evaluated(path: str, output: bytes) -> Evaluated:
    """Return what the evaluation printed: its last line."""
    try:
        said = json.loads(output.rstrip().rpartition(b"\n")[2])
        if said.get("damaged"):
            return Evaluated(path, damage=str(said["damaged"]), line=int(said.get("line", 0)))
        if said.get("unknown"):
            return Evaluated(path, unknown=str(said["unknown"]))
        apps = tuple(_declared(one) for one in said["apps"])
        return Evaluated(path, apps, asked=tuple(str(one) for one in said["asked"]))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return Evaluated(path, unknown="its evaluation said nothing that can be understood")


def entry_in(output: bytes, name: str, block: str) -> dict[str, object] | None:
    """Return what PM2's command line would send to start an app of a file; None where nobody knows.

    Args:
        output: What the evaluation of the file printed.
        name: The app's name.
        block: The name of the `env_` block, or "".
    """
    said = json.loads(output.rstrip().rpartition(b"\n")[2])
    for one in said["apps"]:
        if one["name"] == name and isinstance(one.get("entries"), dict):
            found = one["entries"].get(block)
            return found if isinstance(found, dict) else None
    return None


def marks(env: Mapping[str, object]) -> dict[str, int]:
    """Return what tells the values of variables from others."""
    return {
        str(name): zlib.crc32(_as_text(value).encode("utf-8", "surrogatepass")) for name, value in env.items()
    }


def app_of(entry: Mapping[str, object]) -> App:
    """Return how an entry is started, from what PM2 calls pm2_env."""
    return App(
        script=str(entry.get("pm_exec_path", "")),
        args=_words(entry.get("args")),
        interpreter=str(entry.get("exec_interpreter", "")),
        mode=str(entry.get("exec_mode", "")),
    )


def environment_of(entry: Mapping[str, object]) -> Mapping[str, object]:
    """Return the variables that an entry was started with."""
    env = entry.get("env")
    return env if isinstance(env, Mapping) else {}


def _declared(said: Mapping[str, object]) -> Declared:
    env, blocks, entries = said["env"], said["blocks"], said.get("entries")
    if not isinstance(env, Mapping) or not isinstance(blocks, Mapping):
        raise TypeError("variables are objects")
    names = said["names"]
    instances = said.get("instances")
    return Declared(
        name=str(said["name"]),
        app=app_of(entries[""]) if isinstance(entries, Mapping) else App(known=False),
        names=frozenset(str(one) for one in names) if isinstance(names, Iterable) else frozenset(),
        env=marks(env),
        blocks={str(name): marks(block) for name, block in blocks.items()},
        instances=instances if isinstance(instances, int) and instances > 0 else None,
        interpreter_given=bool(said.get("interpreter")),
        error=str(said.get("error", "")),
    )


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(_as_text(one) for one in value) if isinstance(value, list) else ()


def _as_text(value: object) -> str:
    """Return a value as the process gets it: JavaScript's own words for what is no text."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)

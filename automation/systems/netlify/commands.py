"""`manifest` and `build`."""

from __future__ import annotations

from automation.core.errors import StepRefused
from automation.engine.by_hand import on_record
from automation.engine.calling import Call
from automation.engine.context import build as context_of
from automation.engine.context import prepare_folders
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.commands import SystemCommands
from automation.systems.netlify import cli
from automation.systems.netlify.access import access_of, refuse_wrong_settings
from automation.systems.netlify.facts import Local
from automation.systems.netlify.manifest import differences
from automation.systems.netlify.observer import NetlifyObserver, connect
from automation.systems.netlify.site_files import read_manifest
from automation.systems.netlify.steps import put_manifest

MOST_SAID = 50


def manifest(call: Call) -> int:
    """Write the list of functions, or only say whether it is current; 1 when that is not so.

    Raises:
        StepRefused: There is no functions folder, or netlify.toml cannot be read.
        LockBusy: Somebody else is acting.
        EffectFailed: The disk said no.
    """
    context = context_of(call.system, call.workspace, call.environment, call.clock)
    observer = connect(context)
    local, path = _look(observer)
    problems = differences(read_manifest(context.layout.workspace / path), local.discovery.functions)
    if call.flag("check"):
        _tell(call, path, local, problems, written=False)
        return 1 if problems else 0
    if problems:
        prepare_folders(context.layout)
        with on_record(context, "manifest", path) as said:
            said.append(put_manifest(observer, local, path))
    _tell(call, path, local, problems, written=bool(problems))
    return 0


def _look(observer: NetlifyObserver) -> tuple[Local, str]:
    local, path = observer.look_at_files(), observer.site_files.manifest_file()
    if local.damage:
        raise StepRefused(f"{local.damage[0]}: correct it first, it says where the functions lie")
    if local.folder is None or path is None:
        raise StepRefused(
            "there is no functions folder: netlify.toml names none, and there is no netlify/functions"
        )
    if local.folder_missing:
        raise StepRefused(f"{local.folder}: no such folder; restore it, or correct netlify.toml")
    return local, path


def _tell(call: Call, path: str, local: Local, problems: tuple[str, ...], *, written: bool) -> None:
    names = [function.name for function in local.discovery.functions]
    if call.flag("json"):
        current = written or not problems
        say_json({"path": path, "current": current, "written": written, "was": problems, "functions": names})
        return
    if written:
        say(f"wrote {safe(path)}: {len(names)} functions")
    elif not problems:
        say(f"{safe(path)} is current: {len(names)} functions")
    for problem in () if written else problems[:MOST_SAID]:
        say(f"{safe(path)}: {safe(problem)}")


def build(call: Call) -> int:
    """Build the site on this machine, as Netlify would; 1 when that fails.

    Raises:
        EffectFailed: Netlify's command line is not installed, or did not end in time.
    """
    context = context_of(call.system, call.workspace, call.environment, call.clock)
    refuse_wrong_settings(context.settings)
    workspace = context.layout.workspace
    program = cli.find(workspace, context.environment)
    access = access_of(context.settings, workspace)
    argv = ("build",) if access.site_id else ("build", "--offline")
    timeout_s = context.settings.seconds("deploy_timeout")
    ran = cli.run(SystemCommands(), program, argv, access=access, workspace=workspace, timeout_s=timeout_s)
    for line in cli.last_lines(ran, access):
        say(safe(line))
    if ran.status != 0:
        complain(f"the build failed: netlify build exited with status {ran.status}")
        return 1
    say("the build succeeded")
    return 0

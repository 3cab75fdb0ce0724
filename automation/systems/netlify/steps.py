"""What is done against a problem; each step looks again first, and says which rule forbade it."""

from __future__ import annotations

from automation.core.errors import StepRefused
from automation.systems.netlify import manifest_writing
from automation.systems.netlify.facts import Local
from automation.systems.netlify.manifest import render
from automation.systems.netlify.observer import NetlifyObserver


def restore_file(observer: NetlifyObserver, subject: str) -> str:
    """Put a file back, if the rules allow it; whether HEAD's copy of a function is whole is judged before.

    Raises:
        StepRefused: A rule leaves the file to a person.
        EffectFailed: The disk said no.
    """
    with observer.site_files.judge.asking_programs():
        return observer.files.restore(subject)


def restore_function(observer: NetlifyObserver, subject: str) -> str:
    """Put the main file of a function back that cannot work; only where settings say so.

    Raises:
        StepRefused: A rule leaves the file to a person.
        EffectFailed: The disk said no.
    """
    for function in observer.look_at_files().discovery.functions:
        if function.name == subject:
            return restore_file(observer, function.main_file)
    raise StepRefused(f"there is no function {subject} any more")


def write_manifest(observer: NetlifyObserver, subject: str) -> str:
    """Write the list of functions anew, where it is no person's (safety S20).

    Raises:
        StepRefused: A rule leaves it to a person.
        EffectFailed: The disk said no.
    """
    local = observer.look_at_files()
    if local.manifest is None or not local.manifest.problems:
        return "not needed: it is current, or gone"
    context = observer.context
    full = context.layout.workspace / subject
    written_at_s = full.stat().st_mtime if full.exists() and full.stat().st_size else None
    state = manifest_writing.state_of(observer.git, subject, context.clock.now_s(), written_at_s)
    refused = manifest_writing.refusal(state)
    if refused:
        raise StepRefused(f"{subject} is left alone: {refused}")
    return put_manifest(observer, local, subject)


def put_manifest(observer: NetlifyObserver, local: Local, path: str) -> str:
    """Write the manifest; what it overwrites is in a snapshot before.

    Raises:
        LockBusy: Another process works on the snapshots; nothing was written.
        EffectFailed: The disk said no.
    """
    functions = local.discovery.functions
    observer.site_files.memory.note_manifest(path)
    observer.files.overwrite(path, render(functions))
    return f"wrote {path}: {len(functions)} functions"

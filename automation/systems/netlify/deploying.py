"""`deploy`: by hand, through Netlify's command line, and watched until it is live or has failed."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed, StepRefused
from automation.engine.by_hand import on_record
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.terminal import safe, say, say_json
from automation.ports.commands import SystemCommands
from automation.ports.web import RequestsHttp
from automation.systems.netlify import cli
from automation.systems.netlify.access import refuse_wrong_settings
from automation.systems.netlify.api import NetlifyApi
from automation.systems.netlify.deploy_refusals import read_publish_refusals
from automation.systems.netlify.polling import Polling
from automation.systems.netlify.records import Deploy, Site
from automation.systems.netlify.settings_file import (
    Damaged,
    Settings,
    read_functions_folder,
    read_settings,
)
from automation.systems.netlify.waiting import SETTLE_S, until_ended, until_live


def deploy(call: Call) -> int:
    """Deploy what is built, and wait until it is live or failed.

    Raises:
        StepRefused: There is no token or site, or the publish folder holds what must not leave.
        LockBusy: Somebody else is acting.
        EffectFailed: The command line or Netlify failed, or the deploy did; the line says what is live.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    polling, api = connected(context)
    program = cli.find(context.layout.workspace, context.environment)
    settings = _settings(context.layout.workspace)
    refuse_private(context, settings.publish)
    site = api.site()
    if not call.flag("draft") and site.published is not None and site.published.locked:
        raise StepRefused(
            f"nothing was deployed: deploy {site.published.id} is locked; unlock it on its page"
        )
    argv = _argv(context.layout.workspace, settings, site, draft=call.flag("draft"))
    prepare_folders(context.layout)
    with on_record(context, "deploy", site.name or site.id) as said:
        timeout_s = context.settings.seconds("deploy_timeout")
        began_s = context.clock.elapsed_s()
        ran = cli.run(
            SystemCommands(),
            program,
            argv,
            access=polling.access,
            workspace=context.layout.workspace,
            timeout_s=timeout_s,
        )
        if ran.status != 0:
            why = " | ".join(cli.last_lines(ran, polling.access)[-3:])
            raise EffectFailed(f"netlify deploy exited with status {ran.status}: {why}", retryable=False)
        left_s = timeout_s - (context.clock.elapsed_s() - began_s)
        ended = _watched(context, api, cli.deploy_id_of(ran), left_s=left_s, draft=call.flag("draft"))
        said.append(f"deploy {ended.id} is {'ready' if call.flag('draft') else 'live'}: {_url(ended, call)}")
    if call.flag("json"):
        say_json(
            {"id": ended.id, "state": ended.state, "live": not call.flag("draft"), "url": _url(ended, call)}
        )
    else:
        say(safe(said[0]))
    return 0


def connected(context: Context) -> tuple[Polling, NetlifyApi]:
    """Return what asks Netlify.

    Raises:
        StepRefused: There is no token, or no site.
        EffectFailed: What settings say of them cannot be used.
    """
    refuse_wrong_settings(context.settings)
    polling = Polling(context, RequestsHttp())
    api = polling.api()
    if api is None:
        raise StepRefused(f"nothing was done: {polling.access.note}")
    return polling, api


def refuse_private(context: Context, publish: str) -> None:
    """Refuse to publish backups, logs, git's folder or environments (safety S23).

    Raises:
        StepRefused: The publish folder holds such.
        LookFailed: It is missing, or cannot be looked through.
    """
    layout = context.layout
    found = read_publish_refusals(layout.workspace, publish, (layout.logs, layout.backups))
    if found:
        raise StepRefused(
            f"nothing was deployed: the publish folder {publish!r} holds {', '.join(found)},"
            " which must never leave (safety S23); let `publish` in netlify.toml name a folder that holds"
            " the built site alone"
        )


def _settings(workspace: Path) -> Settings:
    settings = read_settings(workspace)
    if isinstance(settings, Damaged):
        raise StepRefused(f"nothing was deployed: {settings}")
    return settings


def _argv(workspace: Path, settings: Settings, site: Site, *, draft: bool) -> tuple[str, ...]:
    """Return the command: what is built already, without the cache: it may hold another build's functions."""
    folder = read_functions_folder(workspace, settings, site.functions_folder)
    functions: tuple[str, ...] = ()
    if folder is not None and not isinstance(folder, Damaged) and (workspace / folder.path).is_dir():
        functions = ("--functions", folder.path)
    where = ("--site", site.name or site.id, "--dir", settings.publish)
    live = () if draft else ("--prod-if-unlocked",)
    return ("deploy", "--no-build", "--json", "--skip-functions-cache", *where, *functions, *live)


def _watched(context: Context, api: NetlifyApi, deploy_id: str, *, left_s: float, draft: bool) -> Deploy:
    """Wait for the end of a deploy.

    Raises:
        EffectFailed: It failed, did not end in time, or is not live.
    """
    clock, began_s = context.clock, context.clock.elapsed_s()
    ended = until_ended(api, deploy_id, clock, timeout_s=left_s)
    if ended.is_under_way:
        raise EffectFailed(
            f"deploy {deploy_id} is {ended.state} after {left_s:.0f} s; it may yet become live"
        )
    if not ended.is_ready:
        why = " ".join((ended.error_message or "Netlify does not say why").split())
        raise EffectFailed(f"deploy {deploy_id} is {ended.state}: {why}", retryable=False)
    if draft:
        return ended
    left_s -= clock.elapsed_s() - began_s
    published = until_live(api, deploy_id, clock, timeout_s=min(left_s, SETTLE_S))
    if published is None or published.id != deploy_id:
        instead = (
            f"deploy {published.id} is{' locked and' if published.locked else ''}"
            if published
            else "nothing is"
        )
        raise EffectFailed(f"deploy {deploy_id} is ready, and not live: {instead} live", retryable=False)
    return published


def _url(deploy: Deploy, call: Call) -> str:
    links = deploy.links
    return links.permanent if call.flag("draft") else links.site or links.permanent

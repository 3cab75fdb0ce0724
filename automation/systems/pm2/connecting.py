"""Putting the PM2 guard's eyes together: for the PM2 that the environment names."""

from __future__ import annotations

from collections.abc import Mapping

from automation.core.errors import NotAllowed
from automation.engine.context import Context
from automation.engine.kept_files import KeptFiles, matching_files
from automation.engine.own_gap import OwnGap
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.commands import SystemCommands
from automation.ports.host import host_reader
from automation.systems.pm2.app_rules import app_rules
from automation.systems.pm2.around import Around
from automation.systems.pm2.backed_up import guarded_files, wiped
from automation.systems.pm2.command_line import (
    evaluating_programs,
    list_by_command_line,
    recorded_programs,
    start_by_command_line,
)
from automation.systems.pm2.dump.putting_back import DumpFile
from automation.systems.pm2.dump.saving import dump_files
from automation.systems.pm2.dump.watching import DumpWatch
from automation.systems.pm2.dump.watching import Place as DumpPlace
from automation.systems.pm2.dump.where import files_of_pm2
from automation.systems.pm2.ecosystem.watching import EcosystemWatch
from automation.systems.pm2.home import exists, own_folder, pm2_home
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.probes.eyes import Asking, Eyes
from automation.systems.pm2.wire.client import Pm2Client


def connect(context: Context) -> Pm2Observer:
    """Return the observer of the PM2 that the environment names; connects when it looks.

    Raises:
        NotAllowed: There is no such home.
    """
    environment: Mapping[str, str] = context.environment
    home = pm2_home(environment)
    if not exists(home):
        raise NotAllowed(
            f"PM2_HOME {home}: no such folder, or not ours to enter; start PM2 once, or set PM2_HOME"
        )
    client = Pm2Client(home, context.clock, environment)
    interval_s = context.settings.seconds("check_interval")
    workspace, own, rules = context.layout.workspace, own_folder(environment), app_rules(context.settings)
    kept, globs = files_of_pm2(home, environment)[0], guarded_files(context.settings)
    dump = dump_files(kept.path, own)
    around = Around(
        files=KeptFiles(
            context,
            lambda: matching_files(workspace, globs),
            wiped,
            auto_restore=context.settings.flag("auto_restore"),
        ),
        dump_file=DumpFile(context, home),
        logs=context.layout.logs,
        gap=OwnGap(context.clock, interval_s),
        by_command_line=lambda: list_by_command_line(context, SystemCommands()),
        environment=environment,
        programs=lambda: recorded_programs(context),
        apps=Eyes(context.clock, Asking(rules, interval_s, workspace, own)),
        dump=DumpWatch(DumpPlace(dump.dump, own / "dump.json", (str(INSTALLED_IN),), kept.entry)),
        dump_files=dump,
        ecosystem=EcosystemWatch(
            workspace,
            context.clock,
            lambda: evaluating_programs(context),
            lambda *words: start_by_command_line(context, SystemCommands(), *words),
        ),
        rules=rules,
        period_s=interval_s,
        read_host=host_reader((home, context.layout.logs, workspace))
        if context.settings.flag("watch_host")
        else None,
    )
    memory = Memory(own)
    return Pm2Observer(client, memory, home, context.clock, around, by_hand=context.by_hand)

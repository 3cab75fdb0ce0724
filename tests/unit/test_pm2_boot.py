"""Whether a boot starts PM2: what is there is named, the command that sets it up printed and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.systems.pm2.boot import Boot, Programs, look_at_boot, startup_command

HOME = Path("/home/ada/.pm2")
ADA = Programs("/opt/node/bin/node", "/opt/my pm2/bin/pm2", "ada", is_root=False)
COMMAND = "sudo env PATH=$PATH:/opt/node/bin '/opt/my pm2/bin/pm2' startup systemd -u ada --hp /home/ada"


def look(root: Path, programs: Programs | None = ADA, home: Path = HOME) -> Boot:
    return look_at_boot(home, programs, "ada", root)


def systemd(root: Path) -> Path:
    """Make the folders of a machine with systemd, and return the one of the units."""
    (root / "run/systemd/system").mkdir(parents=True)
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    return units


def unit(units: Path, name: str = "pm2-ada.service", home: object = HOME, *, enabled: bool = True) -> Path:
    """Write a unit as `pm2 startup` does."""
    path = units / name
    path.write_text(f"[Service]\nUser=ada\nEnvironment=PATH=/bin\nEnvironment=PM2_HOME={home}\n", "utf-8")
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    if enabled:
        (wants / name).symlink_to(path)
    return path


def test_without_a_unit_the_command_that_makes_one_is_given(tmp_path: Path) -> None:
    systemd(tmp_path)

    assert look(tmp_path) == Boot(f"nothing starts PM2 at boot; this sets it up: {COMMAND}", well=False)
    assert look(tmp_path, None).said.endswith("this sets it up: `pm2 startup`")


def test_a_unit_that_is_enabled_is_well(tmp_path: Path) -> None:
    path = unit(systemd(tmp_path))

    assert look(tmp_path) == Boot(f"{path} starts PM2", well=True)


def test_a_unit_of_another_name_that_names_this_home_is_the_one(tmp_path: Path) -> None:
    units = systemd(tmp_path)
    unit(units, home="/elsewhere")
    path = unit(units, "shop-pm2.service")

    assert look(tmp_path) == Boot(f"{path} starts PM2", well=True)


def test_a_unit_that_is_not_enabled_is_named_with_the_command(tmp_path: Path) -> None:
    path = unit(systemd(tmp_path), enabled=False)

    assert look(tmp_path) == Boot(
        f"{path} is there and not enabled: `sudo systemctl enable pm2-ada`", well=False
    )


def test_a_unit_of_another_home_does_not_start_this_one(tmp_path: Path) -> None:
    path = unit(systemd(tmp_path), home="/elsewhere/.pm2")
    found = look(tmp_path)

    assert not found.well
    assert found.said.startswith(
        f"{path} starts PM2 with PM2_HOME=/elsewhere/.pm2, not {HOME}; this sets it up:"
    )


def test_a_unit_that_cannot_be_read_is_known_by_its_name(tmp_path: Path) -> None:
    units = systemd(tmp_path)
    (units / "pm2-ada.service").symlink_to(units / "pm2-ada.service")

    assert "is there and not enabled" in look(tmp_path).said


@pytest.mark.parametrize("place", ["etc/init.d/pm2-ada", "etc/init.d/pm2", "usr/local/etc/rc.d/pm2_ada"])
def test_other_init_systems_are_known_by_their_files(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.touch()

    assert look(tmp_path) == Boot(f"{path} starts PM2", well=True)


def test_launchd_starts_it_from_the_users_own_folder(tmp_path: Path) -> None:
    agents = tmp_path / "Library" / "LaunchAgents"
    agents.mkdir(parents=True)
    (agents / "pm2.ada.plist").touch()

    assert look(tmp_path, home=tmp_path / ".pm2").well


@pytest.mark.parametrize(("first", "said"), [("tini\n", "tini"), ("", "unknown"), (None, "unknown")])
def test_without_systemd_it_is_said_what_is_there(tmp_path: Path, first: str | None, said: str) -> None:
    if first is not None:
        (tmp_path / "proc/1").mkdir(parents=True)
        (tmp_path / "proc/1/comm").write_text(first, "utf-8")
    found = look(tmp_path)

    assert f"no systemd here (process 1 is {said})" in found.said
    assert "must run `pm2 resurrect`" in found.said
    assert not found.well


def test_root_needs_no_sudo_and_an_unusual_home_is_named() -> None:
    root = Programs("/usr/bin/node", "/usr/bin/pm2", "root", is_root=True)

    assert startup_command(Path("/srv/www/.pm2"), root) == (
        "env PATH=$PATH:/usr/bin /usr/bin/pm2 startup systemd -u root --hp /srv/www"
    )
    assert startup_command(Path("/srv/pm2 home"), root) == (
        "env PATH=$PATH:/usr/bin PM2_HOME='/srv/pm2 home' /usr/bin/pm2 startup systemd -u root"
    )

#!/usr/bin/env bash
# Installs the suite where it is not installed, and starts, shows or stops its apps under PM2. See --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: automation/start-enhanced-redundancy.sh [--ensure|--status|--stop|--restart] [--only NAME[,NAME]]

Installs the suite where it is not installed, starts its apps under PM2, waits until each has written a fresh
report, and prints the status table. Run again it changes nothing. It never asks, needs no terminal, and never
touches an app that is not its own.

  (nothing)        start what is not running
  --ensure         the same, silent when nothing is missing: for cron and boot. A recorded shutdown stays.
  --status         only print the table; installs nothing and changes nothing
  --stop           take the suite's own apps out of PM2
  --restart        restart them, with the settings of now
  --only NAME      only this app (or several, with commas)
  --help           this text

Examples:
  automation/start-enhanced-redundancy.sh
  automation/start-enhanced-redundancy.sh --restart --only enhanced-pm2-redundancy
  */5 * * * * /srv/site/automation/start-enhanced-redundancy.sh --ensure        (a line of crontab -e)

Exit status: 0 done; 1 not done, or only in part; 3 wrong usage, settings, user, or something is missing;
75 busy, try again. Of --status: 0 healthy, 1 warning, 2 critical, 3 unknown or not running.
TEXT
}

say() { [ "$action" = --ensure ] || printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
refuse() { complain "$*"; exit 3; }

# --- the words -------------------------------------------------------------------------------------------------------

action=start
read_words() {
    while [ $# -gt 0 ]; do
        case "$1" in
            -h | --help) usage; exit 0 ;;
            --ensure | --status | --stop | --restart)
                [ "$action" = start ] || refuse "$action and $1 exclude each other; see --help"
                action=$1 ;;
            --only)
                [ -n "${2:-}" ] || refuse "--only needs the name of an app: --only NAME[,NAME]"
                shift ;;
            --only=?*) ;;
            *) refuse "unknown option '$1'; see --help" ;;
        esac
        shift
    done
}

# --- who may do this -------------------------------------------------------------------------------------------------

owns() {
    local path=$1
    while [ ! -e "$path" ]; do path=$(dirname "$path"); done
    [ -O "$path" ]
}

# Before anything is written: a root that owns neither would leave files that the owner cannot write to.
refuse_wrong_user() {
    local home=${PM2_HOME:-$(recorded pm2Home)}
    home=${home:-${HOME:-/}/.pm2}
    owns "$workspace" || owns "$home" || refuse "user $(id -u) owns neither $home nor $workspace; run this as the user who does"
}

# --- what must be there ----------------------------------------------------------------------------------------------

missing=()
need() { missing+=("missing: $1"); }

python_is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && python_is_new_enough "$name"; then
            python=$(command -v "$name")
            "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
                need "Python's venv module for $python; Debian/Ubuntu: apt-get install python3-venv"
            return
        fi
    done
    need "Python 3.11 or newer (python3); Debian/Ubuntu: apt-get install python3 python3-venv"
}

# The value of a key of the installation's record; nothing where there is none. The record has one key a line.
recorded() {
    [ -r "$record" ] || return 0
    sed -n "s/^ *\"$1\": \"\\([^\"\\\\]*\\)\",\\{0,1\\}\$/\\1/p" "$record"
}

node_is_new_enough() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' >/dev/null 2>&1; }

find_node() {
    node=$(recorded node)
    if [ ! -x "$node" ]; then node=$(command -v node || true); fi
    if [ -z "$node" ] || ! node_is_new_enough "$node"; then
        need "Node.js 18 or newer (node); Debian/Ubuntu: apt-get install nodejs npm, or see nodejs.org"
        node=""
    fi
}

find_pm2() {
    pm2=$(recorded pm2)
    if [ ! -x "$pm2" ]; then pm2=$(command -v pm2 || true); fi
    if [ -z "$pm2" ]; then
        pm2=$suite/node_modules/pm2/bin/pm2
        if [ ! -x "$pm2" ] && ! command -v npm >/dev/null; then
            need "npm, to install PM2; Debian/Ubuntu: apt-get install npm (or: npm install -g pm2, where npm is)"
        fi
    fi
}

# --- the environment -------------------------------------------------------------------------------------------------

# What an environment was made of: one that was made of the same is not touched.
stamp() {
    "$1" -c 'import platform; print(platform.python_version())'
    printf '%s\n' "$suite"
    cksum <"$suite/pyproject.toml"
}

environment_is_current() {
    [ -x "$venv/bin/python" ] && [ -f "$venv/stamp" ] && [ "$(stamp "$venv/bin/python" 2>/dev/null)" = "$(cat "$venv/stamp")" ]
}

# An environment knows its own path: one that was moved, or whose Python is gone, has to be made again.
environment_can_be_kept() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [ "$(head -n 1 "$venv/bin/pip" 2>/dev/null)" = "#!$venv/bin/python" ] || grep -qsF "$venv/bin/python" "$venv/bin/pip"
}

# Making an environment anew empties its folder: never one that somebody linked here, or that holds other things.
refuse_to_empty() {
    [ ! -L "$venv" ] || refuse "$venv is a link to $(readlink "$venv"), and is no environment of this suite; remove the link"
    [ ! -e "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv" 2>/dev/null)" ] ||
        refuse "$venv is no virtual environment of Python; move it out of the way"
}

make_environment() {
    local log=$logs/install.log
    environment_can_be_kept || refuse_to_empty
    say "installing into $venv (log: $log)"
    : >"$log"
    environment_can_be_kept || "$python" -m venv --clear "$venv" >"$log" 2>&1 || { complain "cannot make $venv; see $log"; exit 1; }
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --editable "$suite" >>"$log" 2>&1 || {
        complain "pip could not install the suite (no network?): $(grep -i error "$log" | tail -n 1 | cut -c1-200); see $log"
        exit 1
    }
    stamp "$venv/bin/python" >"$venv/stamp"
}

install_pm2() {
    local log=$logs/install-pm2.log
    say "installing PM2 into $suite/node_modules (log: $log)"
    (cd "$suite" && npm ci --omit=dev --no-audit --no-fund) >"$log" 2>&1 || true
    [ -x "$pm2" ] || {
        complain "npm could not install PM2 (no network?): $(grep -i error "$log" | tail -n 1 | cut -c1-200); see $log"
        exit 1
    }
}

install_what_is_missing() {
    environment_is_current || find_python
    find_node
    find_pm2
    if [ ${#missing[@]} -gt 0 ]; then
        printf '%s\n' "${missing[@]}" >&2
        exit 3
    fi
    environment_is_current || make_environment
    [ -x "$pm2" ] || install_pm2
}

# Where users of the old suite look for logs.
link_logs() {
    local link=$suite/automation/logs
    if [ -d "$link" ] && [ ! -L "$link" ]; then
        say "$link is a folder of its own and was left alone; the logs are in $logs"
    elif [ "$(readlink "$link" 2>/dev/null)" != "$1" ]; then
        ln -sfn "$1" "$link" || complain "cannot link $link to $logs; the logs are in $logs"
    fi
}

# One start at a time; whoever comes second finds everything done.
lock_installation() {
    mkdir -p "$logs" && mkdir -p -m 700 "$logs/state" || refuse "cannot write to $logs; run this as the user who owns it"
    exec 9>>"$logs/state/start.lock"
    if command -v flock >/dev/null; then
        flock -w 300 9 || { complain "another start has been running for 5 minutes; try again"; exit 75; }
    fi
}

# --- all of it -------------------------------------------------------------------------------------------------------

main() {
    read_words "$@"
    suite=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
    cd "$suite"
    workspace=$(readlink -m "${REDUNDANCY_WORKSPACE:-$suite}")
    logs=$(cd "$workspace" && readlink -m "${REDUNDANCY_LOGS_DIR:-logs}") || refuse "REDUNDANCY_WORKSPACE: no folder $workspace"
    record=$logs/state/installation.json
    venv=$suite/.venv
    python="" node="" pm2=""
    if [ ! -x "$venv/bin/python" ] || [ ! -f "$record" ]; then
        case "$action" in
            --status) refuse "not installed yet; automation/start-enhanced-redundancy.sh installs and starts" ;;
            --stop) [ -f "$record" ] || { say "nothing of ours is installed here"; exit 0; } ;;
        esac
    fi
    if [ "$action" != --status ]; then
        refuse_wrong_user
        lock_installation
        install_what_is_missing
        if [ "$logs" = "$suite/logs" ]; then link_logs ../logs; else link_logs "$logs"; fi
        exec 9>&- # what is started from here on must not hold it
    fi
    exec "$venv/bin/python" -m automation.launch "${node:--}" "${pm2:--}" "$@"
}

main "$@"

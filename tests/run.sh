#!/usr/bin/env bash
# Installs what the tests need, and runs them: tests/run.sh [all|quick|mutate]. Ends with pytest's summary line.
#   all      everything, with real PM2 (the default)
#   quick    without PM2, in less than a minute
#   mutate   the hand-made mutants of the pure parts
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cd "$root"
venv=$root/.venv
failed=()
most_unsteady=5

# --- what the tests need ---------------------------------------------------------------------------------------------

python_is_new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && python_is_new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

missing_packages() {
    command -v git >/dev/null || echo git
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    [ -x "$venv/bin/python" ] || find_python >/dev/null || echo python3 python3-venv
}

install_packages() {
    local packages
    read -r -a packages <<<"$(missing_packages | tr '\n' ' ')"
    [ ${#packages[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${packages[*]}; on Debian/Ubuntu: apt-get install ${packages[*]}" >&2
        exit 3
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

stamp() {
    "$venv/bin/python" -c 'import platform; print(platform.python_version())'
    printf '%s\n' "$root"
    cksum <pyproject.toml
}

make_environment() {
    local stamped=$venv/stamp-tests
    if [ -x "$venv/bin/python" ] && [ -f "$stamped" ] && [ "$(stamp)" = "$(cat "$stamped")" ]; then return; fi
    echo "== installing the development tools into $venv"
    # A virtual environment that was moved, or whose Python is gone, is of no use.
    if ! "$venv/bin/pip" --version >/dev/null 2>&1; then
        [ ! -L "$venv" ] || { echo "$venv is a link, and no environment of these tests: remove the link" >&2; exit 3; }
        "$(find_python)" -m venv --clear "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --upgrade "pip>=25.1" # --group
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --editable . --group dev
    stamp >"$stamped"
}

# The versions of PM2 and the published descriptions that the tests run against.
install_node_packages() {
    local lock folder
    for lock in tests/node*/package-lock.json; do
        folder=$(dirname "$lock")
        if [ -f "$folder/node_modules/.package-lock.json" ] && [ ! "$lock" -nt "$folder/node_modules/.package-lock.json" ]; then continue; fi
        echo "== npm ci in $folder"
        npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
        touch "$folder/node_modules/.package-lock.json"
    done
}

# --- the run ---------------------------------------------------------------------------------------------------------

step() {
    local name=$1
    shift
    echo "== $name"
    "$@" || failed+=("$name")
}

tool() { "$venv/bin/python" -m "$@"; }

check_code() {
    step "ruff check" tool ruff check .
    step "ruff format" tool ruff format --check .
    local folder folders=()
    for folder in automation tests benchmarks; do [ -n "$(find "$folder" -name '*.py' -print -quit 2>/dev/null)" ] && folders+=("$folder"); done
    step "mypy" tool mypy --strict --explicit-package-bases --exclude node_modules "${folders[@]}"
    step "import-linter" "$venv/bin/lint-imports"
}

with_pytest() {
    local said
    said=$(mktemp)
    echo "== pytest"
    "$@" -n 4 --dist loadfile 2>&1 | tee "$said" || again "$said" "$@" || failed+=(pytest)
    summary=$(grep -v '^[[:space:]]*$' "$said" | tail -n 1)
    rm -f "$said"
}

# A few tests of thousands, each with real programs, may fail because the machine was busy. What failed runs once
# more, alone: what fails then has failed; what passes is named, so that somebody steadies it.
again() {
    local said=$1 unsteady
    shift
    unsteady=$(grep '^FAILED ' "$said" | cut -d ' ' -f 2- || true)
    if [ -z "$unsteady" ] || [ "$(wc -l <<<"$unsteady")" -gt "$most_unsteady" ] || grep -q '^ERROR tests/' "$said"; then return 1; fi
    echo "== pytest, once more: what failed, alone"
    "$@" -n 0 --last-failed --last-failed-no-failures none 2>&1 | tee -a "$said" || return 1
    printf 'UNSTEADY: %s\n' "$unsteady"
}

check_coverage() {
    find . -maxdepth 1 -name '.coverage.*' -size 0 -delete # of children that were killed before they wrote anything
    step "coverage combine" tool coverage combine --quiet  # one that was killed later may leave half a file: said, not counted
    step "coverage" tool coverage report
    step "coverage of core and checks" tool coverage report --include "automation/core/*,automation/**/checks.py" --fail-under 100
}

finish() {
    if [ ${#failed[@]} -gt 0 ]; then
        local IFS=,
        echo "FAILED: ${failed[*]}"
    fi
    echo "$summary"
    [ ${#failed[@]} -eq 0 ]
}

mode=${1:-all}
summary="pytest did not run"
case "$mode" in
    all | quick) ;;
    mutate)
        [ -d tests/mutants ] || { echo "the mutants are not built yet (tests/mutants)" >&2; exit 3; } ;;
    *)
        echo "tests/run.sh: expected all, quick or mutate, got '$mode'" >&2
        exit 3 ;;
esac
exec </dev/null # nothing here may ask
install_packages
make_environment
install_node_packages
case "$mode" in
    mutate) exec "$venv/bin/python" tests/mutants ;;
    quick)
        check_code
        with_pytest tool pytest --without-pm2 ;;
    all)
        check_code
        tool coverage erase
        # Most tests wait for real programs: four at once make good use of two cores.
        with_pytest tool coverage run -m pytest
        check_coverage ;;
esac
finish

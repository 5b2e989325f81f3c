# Shared by the scripts of this directory: source it, do not run it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The analysis compilers by release: Debian 12 has clang-16, Debian 13 clang-19.
debian_release() { (. /etc/os-release && printf '%s' "${VERSION_ID:-0}"); }
case $(debian_release) in
    13) clang=19 ;;
    *) clang=16 ;;
esac

# Runs a command as root: directly, or by sudo without a password prompt in CI.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "needs root for: $*"
    fi
}

# configure DIR [MESON OPTIONS]: meson setup, once; a directory that meson has
# given up on half way is set up again. Line tables, no full symbols (meson.build): for a
# debugger, `meson configure DIR -Ddebug=true`.
configure() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then return; fi
    meson setup --wipe "$dir" "$root" -Ddebug=false "$@" >/dev/null 2>&1 ||
        meson setup "$dir" "$root" -Ddebug=false "$@"
}
# build_all DIR [MESON OPTIONS]: -k 0 shows all that is broken, not the first thing only.
build_all() {
    configure "$@" && ninja -k 0 -C "$1"
}

# Every step of a gate leaves one line, "pass NAME", "fail NAME" or "skip NAME", in one
# file; the outermost script sums them up. OEGATE_RESULTS hands the file to inner scripts.
open_results() {
    outermost=no
    if [ -z "${OEGATE_RESULTS:-}" ]; then
        outermost=yes
        OEGATE_RESULTS=$(mktemp)
        export OEGATE_RESULTS
    fi
}
record() { printf '%s %s\n' "$1" "$2" >>"$OEGATE_RESULTS"; }

# step NAME COMMAND...: runs it with its output shown, and records how it ended.
step() {
    need "$@" && record pass "$1"
}

# need NAME COMMAND...: the same, but what passes is no test and is not counted.
need() {
    local name=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@" </dev/null; then
        printf '== %s: passed in %d s\n' "$name" $((SECONDS - started))
    else
        record fail "$name"
        printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - started))
        return 1
    fi
}

# record_meson TESTLOG.json [PREFIX]: one line for each test of a meson run.
record_meson() {
    /usr/bin/python3 - "$1" "${2:-}" >>"$OEGATE_RESULTS" <<'PYTHON'
import json, sys
words = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}
for line in open(sys.argv[1]):
    test = json.loads(line)
    print(words.get(test["result"], "fail"), sys.argv[2] + test["name"])
PYTHON
}

# The closing line of the outermost script; fails when anything failed or nothing ran.
close_results() {
    if [ "$outermost" = no ]; then return 0; fi
    local passed failed
    passed=$(grep -c '^pass ' "$OEGATE_RESULTS" || true)
    failed=$(grep -c '^fail ' "$OEGATE_RESULTS" || true)
    printf '\n'
    sed -n 's/^skip /skipped: /p; s/^fail /FAILED: /p' "$OEGATE_RESULTS"
    rm -f "$OEGATE_RESULTS"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}

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
# given up on half way is set up again.
configure() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then return; fi
    meson setup --wipe "$dir" "$root" "$@" >/dev/null 2>&1 || meson setup "$dir" "$root" "$@"
}

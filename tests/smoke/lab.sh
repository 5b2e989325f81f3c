# What the stories of the draft's diagram use: the lab of scripts/lab, up and cold, and
# short words for its nodes and gateways. Sourced by a story. Under scripts/demo
# ($OEGATE_LAB is set) the stories share one lab; else each brings its own up.
# shellcheck shell=bash

step=$story
if [ -z "${OEGATE_LAB:-}" ]; then
    export OEGATE_LAB=$out/lab OEGATE_BUILD=$build
    "$root/scripts/lab" up || { tail -n 30 "$out"/lab/*.log; exit 1; }
fi
lab=$OEGATE_LAB

at() { local node=$1; shift; ip netns exec "oe-$node" "$@"; }
gate() { local gw=$1; shift; "$build/controlplane/cli/oegate" --socket "$lab/$gw/oegate.sock" "$@"; }
# whole GW WORDS…: the JSON of a table, asked again where a worker was too busy to answer in time.
whole() {
    local gw=$1 said n
    shift
    for n in 1 2 3 4 5; do
        said=$(gate "$gw" --json "$@" 2>/dev/null || true)
        if [ "$(jq .complete <<<"$said")" != false ]; then break; fi
    done
    printf '%s\n' "$said"
}
show() { printf '$ %s\n' "${*/#gate/oegate@}"; "$@" 2>&1 | sed 's/^/  /' || true; }
# drops GW REASON: how often, all interfaces together.
drops() { gate "$1" --json show drops | jq "[.drops[] | select(.reason == \"$2\") | .count] | add // 0"; }
# flow GW SRC DST FIELD: a field of the pair's flow, or none; of one in a hold, when that has ended.
flow() { wait_for 30 flow_concluded "$@" || true; flow_now "$@"; }
flow_now() { whole "$1" show flows "$2" "$3" | jq -r ".flows[0].$4 // \"none\"" | grep . || echo none; }
flow_concluded() { [ "$(flow_now "$1" "$2" "$3" state)" != hold ]; }
flow_is() { [ "$(flow_now "$1" "$2" "$3" state)" = "$4" ]; }
# ping_from NODE DST COUNT [OPTIONS]: which of so many pings were answered, as "1 2 3". Each
# waits for its own answer: of several in a hold only the first and the last survive, and a
# ping of several gives those behind the first no more than two round trips.
ping_from() {
    local node=$1 dst=$2 count=$3 n
    shift 3
    for ((n = 1; n <= count; n++)); do
        if at "$node" ping -n -W 20 -c 1 "$@" "$dst" 2>/dev/null | grep 'time=' >/dev/null; then echo $n; fi
    done | paste -sd' '
}
# no_answer NODE DST COUNT [OPTIONS]: the icmp_seq that were answered all the same, where none should be.
no_answer() {
    local node=$1 dst=$2 count=$3
    shift 3
    { at "$node" ping -n -i 0.2 -W 1 -c "$count" "$@" "$dst" 2>/dev/null || true; } |
        sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' | paste -sd' '
}
# random_pattern: 16 random bytes in hex, as ping -p wants them.
random_pattern() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

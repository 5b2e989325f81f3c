# What every smoke story uses; sourced by tests/smoke/run, inside the story's namespaces.
# A story is a list of expectations. It fails when one fails, and when it has none.
# $build is meson's build directory, $out the directory for captures and logs.
# shellcheck shell=bash

num_expected=0
num_failed=0

# expect WHAT EXPECTED SEEN: goes on after a failure, so that one run shows them all.
# $OEGATE_SUMMARY, if set, is a file that gets a line of JSON for each (scripts/demo).
expect() {
    local ok
    num_expected=$((num_expected + 1))
    [ "$2" = "$3" ] && ok=true || ok=false
    if [ -n "${OEGATE_SUMMARY:-}" ]; then
        jq -nc --arg step "$story" --arg what "$1: $2" --arg seen "$3" --argjson ok $ok \
            '{step: $step, expected: $what, seen: $seen, ok: $ok}' >>"$OEGATE_SUMMARY"
    fi
    if [ $ok = true ]; then
        printf 'ok      %s: %s\n' "$1" "$3"
    else
        num_failed=$((num_failed + 1))
        printf 'FAILED  %s: expected %s, saw %s\n' "$1" "$2" "$3"
    fi
}

# expect_ok WHAT COMMAND...: the command succeeds.
expect_ok() {
    local what=$1 status=0
    shift
    "$@" >"$out/last-command" 2>&1 || status=$?
    expect "$what" 0 "$status"
    if [ "$status" != 0 ]; then sed 's/^/        /' "$out/last-command"; fi
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is over.
wait_for() {
    local deadline=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$(date +%s%N)" -ge "$deadline" ]; then return 1; fi
        sleep 0.05
    done
}

# host NAME: a network namespace with loopback up. No IPv6 addresses by themselves, no
# duplicate address detection: a story says what is on the wire.
host() {
    ip netns add "$1"
    ip netns exec "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
    ip -n "$1" link set lo up
}

# wire A IFA B IFB: a cable between two hosts. Transmit checksums are computed by the
# sender: a gateway that reads frames raw would see unfinished ones.
wire() {
    ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
    ip netns exec "$1" ethtool -K "$2" tx off >/dev/null
    ip netns exec "$3" ethtool -K "$4" tx off >/dev/null
    ip -n "$1" link set "$2" up
    ip -n "$3" link set "$4" up
}

conclude() {
    printf '%d expectations, %d failed\n' "$num_expected" "$num_failed"
    [ "$num_failed" = 0 ] && [ "$num_expected" != 0 ]
}

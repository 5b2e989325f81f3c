# memif: ports that are memory shared with another process, without huge pages. A
# stranger, DPDK's testpmd, generates and swallows; two gateways make a tunnel between
#
#   testpmd flowgen ── gateway a ════ gateway b ── testpmd rxonly
# shellcheck shell=bash disable=SC2154
gateway=$build/tests/bench/pktgen_gateway
command -v dpdk-testpmd >/dev/null || { echo "needs dpdk-testpmd: scripts/setup brings it"; exit 77; }

refused() { timeout 60 "$gateway" outside=net_null0 inside="$1" </dev/null 2>&1 >/dev/null | head -n 1; }
expect "a directory that is missing" \
    "interface inside: device 'net_memif0,role=server,socket=$out/none/a,socket-abstract=no' wants its socket in $out/none, which is no directory: \`mkdir -p $out/none\`" \
    "$(refused "net_memif0,role=server,socket=$out/none/a,socket-abstract=no")"
expect "a role that is missing" \
    "interface inside: device 'net_memif0,socket=@a' needs \`role=server\` or \`role=client\`: the server opens the socket" \
    "$(refused net_memif0,socket=@a)"

# launch NAME ARGUMENTS…: a gateway; `ask NAME` then gives its counters as JSON.
launch() {
    local name=$1 fd
    shift
    mkfifo "$out/$name.in"
    timeout 300 "$gateway" "side=$name" flows=50 sas=50 "$@" <"$out/$name.in" >"$out/$name" 2>&1 &
    exec {fd}>"$out/$name.in"
    declare -g "fd_$name=$fd"
    wait_for 30 grep -q ready "$out/$name" || { cat "$out/$name"; exit 1; }
}
ask() {
    local fd=fd_$1 lines
    lines=$(wc -l <"$out/$1")
    echo >&"${!fd}"
    wait_for 30 sh -c "[ \$(wc -l <'$out/$1') -gt $lines ]"
    tail -n 1 "$out/$1" | jq -r "$2"
}
at_least() { [ "$(ask "$1" "$2")" -ge "$3" ]; }
# quiet: the generator says that it stopped, and nothing was received or sent since last asked.
quiet() {
    local now before=${counted:-}
    grep -q '^Done\.' "$out/generator" || return 1
    now="$(ask a .inside.received) $(ask a .outside.transmitted) $(ask b .outside.received) $(ask b .inside.transmitted)"
    counted=$now
    [ "$now" = "$before" ]
}
link_is() { [ "$(ask "$1" ".$2.up")" = "$3" ]; }
# testpmd NAME SOCKET ARGUMENTS…: one port; ends with the file descriptor it reads from.
testpmd() {
    local name=$1 socket=$2
    shift 2
    exec timeout 300 stdbuf -oL dpdk-testpmd --lcores 0@0,1@0 --no-huge -m 256 --no-pci --no-telemetry --log-level=error \
        "--file-prefix=story-$name" --vdev "net_memif0,role=client,socket=$socket" -- --interactive --auto-start \
        --no-mlockall --total-num-mbufs=8192 "$@" >"$out/$name" 2>&1
}

# One cable is an abstract socket, one a file.
launch a inside=net_memif0,role=server,socket=@story-in,mac=00:01:02:03:04:01 \
    "outside=net_memif1,role=server,socket=/run/netns/cable,socket-abstract=no,mac=02:00:00:00:0a:02" lcores=1
expect "a peer that is not there is a link that is down, no error" "false false" \
    "$(ask a '"\(.inside.up) \(.outside.up)"')"
launch b inside=net_memif0,role=server,socket=@story-out \
    "outside=net_memif1,role=client,socket=/run/netns/cable,socket-abstract=no,mac=02:00:00:00:0b:02" lcores=1
wait_for 30 link_is a outside true || true
expect "the link between the gateways" "true true" "$(ask a .outside.up) $(ask b .outside.up)"

mkfifo "$out/sink.in" "$out/generator.in"
testpmd sink @story-out --forward-mode=rxonly <"$out/sink.in" &
exec 5>"$out/sink.in"
wait_for 30 link_is b inside true || true
expect "the sink's link" true "$(ask b .inside.up)"
testpmd generator @story-in --forward-mode=flowgen --flowgen-flows=50 --txpkts=256 <"$out/generator.in" &
exec 6>"$out/generator.in"
wait_for 30 link_is a inside true || true
expect "the generator's link" true "$(ask a .inside.up)"
wait_for 30 at_least b .inside.transmitted 1000 || true
printf 'stop\n' >&6
wait_for 30 quiet || true
received=$(ask a .inside.received)
expect "some were received" true "$([ "$received" -gt 1000 ] && echo true)"
expect "received by a: transmitted or dropped for want of room" "$received" \
    "$(ask a '.outside.transmitted + (.inside.drops.transmit_full // 0)')"
expect "received by b: what a transmitted" "$(ask a .outside.transmitted)" "$(ask b .outside.received)"
expect "received by b: opened and transmitted, or dropped for want of room" "$(ask b .outside.received)" \
    "$(ask b '.inside.transmitted + (.outside.drops.transmit_full // 0)')"
printf 'stop\nquit\n' >&5
exec 5>&-
wait_for 30 link_is b inside false || true
expect "the sink's count" "$(ask b .inside.transmitted)" \
    "$(sed -n 's/.*RX-packets: \([0-9]*\) .*/\1/p' "$out/sink" | tail -n 1)"
expect "a peer that went" false "$(ask b .inside.up)"

printf 'start\n' >&6
wait_for 30 at_least b '.outside.drops.interface_down // 0' 1 || true
printf 'stop\nquit\n' >&6
exec 6>&-
expect "b drops by name what cannot leave" true "$(ask b '.outside.drops.interface_down > 0')"

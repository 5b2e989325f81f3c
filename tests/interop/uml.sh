# Boots a Linux kernel of its own (User-Mode Linux, with native ESP) at the end of a
# cable, for tests against a stranger that the machine's kernel cannot be. Sourced.
# shellcheck shell=bash

# boot NODE IFACE SETUP: a guest whose vec0 is IFACE of namespace oe-NODE; it sources
# the file SETUP once, then runs what `guest` sends it. Waits until it is ready.
boot() {
    local node=$1 iface=$2 setup=$3 dir=$out/$1
    mkdir -p "$dir"
    head -c 64 /dev/urandom >"$dir/seed"
    cp "$setup" "$dir/setup.sh"
    ip netns exec "oe-$node" ethtool -K "$iface" tx off rx off gro off gso off tso off >/dev/null
    ip netns exec "oe-$node" env -i PATH="$PATH" \
        LD_PRELOAD="$build/tests/interop/libuml_xstate.so" TMPDIR=/dev/shm HOME=/tmp linux.uml mem=160M \
        root=/dev/root rootfstype=hostfs rootflags=/ ro init="$root/tests/interop/guest-init" \
        con=null con0=null,fd:1 quiet loglevel=4 umid="oe-$node-$$" \
        vec0:transport=raw,ifname="$iface",depth=128,gro=0,mac=02:00:00:00:0d:01 OUT="$dir" \
        </dev/null >"$dir/console" 2>&1 &
    guest_pid=$! guest_dir=$dir
    wait_for 60 test -e "$dir/ready" || { tail -n 20 "$dir/console"; return 1; }
}

# guest SECONDS COMMAND: runs a line in the guest's shell; prints its output, fails as it does.
guest() {
    # Counted in files, not in a variable: callers are often in a subshell.
    local at
    at=$guest_dir/$(($(find "$guest_dir" -name '*.cmd' | wc -l) + 1))
    printf '%s\n' "$2" >"$at.new"
    mv "$at.new" "$at.cmd"
    wait_for "$1" test -s "$at.status" || { echo "the guest gave no answer in $1 s"; return 1; }
    cat "$at.out"
    return "$(cat "$at.status")"
}

halt_guest() {
    touch "$guest_dir/halt"
    wait_for 30 sh -c "! kill -0 $guest_pid 2>/dev/null" || kill -9 "$guest_pid" 2>/dev/null || true
}

# esp_lab: Alice behind a gateway without a control plane (static_gateway.cpp), and a
# cable to the kernel's ESP.
#
#   alice ── sg ════ oe-dave (User-Mode Linux, kernel ESP)
esp_lab() {
    host alice
    host sg
    host oe-dave
    wire alice eth0 sg inside
    wire sg outside oe-dave eth0
    ip -n alice link set eth0 address 02:00:00:00:00:65
    ip -n sg link set inside address 02:00:00:00:0a:01
    ip -n sg link set outside address 02:00:00:00:0a:04
    ip -n alice addr add 192.1.0.65/24 dev eth0
    ip -n alice addr add 2001:db8:a::65/64 dev eth0 nodad
    ip -n alice neigh add 192.1.0.1 lladdr 02:00:00:00:0a:01 dev eth0 nud permanent
    ip -n alice neigh add 2001:db8:a::1 lladdr 02:00:00:00:0a:01 dev eth0 nud permanent
    ip -n alice route add default via 192.1.0.1
    ip -n alice route add default via 2001:db8:a::1
    ip netns exec oe-dave timeout 300 tcpdump -Un -i eth0 -w "$out/outside.pcap" 2>/dev/null &
}

# static_gateway [TUNNELS]: starts it; static_gateway_ends lets it end. What it counted is
# then in $out/gateway.
static_gateway() {
    mkfifo "$out/hold-open"
    ip netns exec sg timeout 300 "$build/tests/interop/static_gateway" net_af_xdp0,iface=inside \
        net_af_xdp1,iface=outside 02:00:00:00:00:65 02:00:00:00:0d:01 "$@" \
        <"$out/hold-open" >"$out/gateway" 2>"$out/gateway.log" &
    gateway=$!
    exec 7>"$out/hold-open"
    wait_for 30 grep -q ready "$out/gateway" || { cat "$out/gateway.log"; exit 1; }
}
static_gateway_ends() {
    exec 7>&-
    wait "$gateway" || true
    expect "the gateway ended by itself" 2 "$(grep -c transmitted "$out/gateway")"
}

# answered: of a ping's output, which requests were answered.
answered() { sed -n 's/.*bytes from .*icmp_seq=\([0-9]*\) .*/\1/p' | paste -sd' '; }
# on_wire FILTER: packets of the cable outside, as tcpdump counts them.
on_wire() { tcpdump -nr "$out/outside.pcap" "$1" 2>/dev/null | wc -l; }

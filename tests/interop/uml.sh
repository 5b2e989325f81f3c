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
    wait_for 10 sh -c "! kill -0 $guest_pid 2>/dev/null" || kill -9 "$guest_pid" 2>/dev/null || true
}

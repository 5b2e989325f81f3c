# a daemon killed with -9 and started again, on either side and in both families: pings go through again
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#             ✕ second              ✕ first
# shellcheck shell=bash disable=SC2154
plan_config() { sed '$a timers: {liveness: 2s, retransmit: 200ms}'; }
export -f plan_config
. "$root/tests/smoke/lab.sh"
answered() { [ -n "$(ping_from "$1" "$2" 1 -W 1)" ]; }
again() { local t=$SECONDS; wait_for 40 answered "$1" "$2" && echo "answered" || echo "silent after $((SECONDS - t)) s"; }
crash() { "$root/scripts/lab" kill "$1" && "$root/scripts/lab" start "$1"; }

for bob in 192.2.0.66 2001:db8:b::66; do expect "before: $bob answered" "1 2" "$(ping_from alice $bob 2 -W 20)"; done
crash sg-b
for bob in 192.2.0.66 2001:db8:b::66; do expect "sg-b died: Alice to $bob" answered "$(again alice $bob)"; done
for alice in 192.1.0.65 2001:db8:a::65; do expect "and Bob to $alice" answered "$(again bob $alice)"; done
crash sg-a
for alice in 192.1.0.65 2001:db8:a::65; do expect "sg-a died: Bob to $alice" answered "$(again bob $alice)"; done
for bob in 192.2.0.66 2001:db8:b::66; do expect "and Alice to $bob" answered "$(again alice $bob)"; done
expect "state of the flow at sg-a" encrypt "$(flow sg-a 192.1.0.65 192.2.0.66 state)"
expect "state of the flow at sg-b" encrypt "$(flow sg-b 2001:db8:b::66 2001:db8:a::65 state)"
show gate sg-a explain 192.1.0.65 192.2.0.66

# over IPv6 alone: the gateway of the tunnel has an IPv6 address, and both ends learn the path MTU
#
#   alice ─────────── sg-a ════ Internet ════ sg-b ─────────── bob
#   2001:db8:a::65    2001:db8:1::4   2001:db8:1::5            2001:db8:b::66
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
gateways_of() { whole sg-a show tunnels | jq -r '.tunnels[] | select(.dst == "2001:db8:b::66") | .gateway'; }

expect "icmp_seq answered" "1 2 3 4 5" "$(ping_from alice 2001:db8:b::66 5)"
expect "state of the flow" encrypt "$(flow sg-a 2001:db8:a::65 2001:db8:b::66 state)"
expect "gateway of the tunnel" 2001:db8:1::5 "$(gateways_of)"
expect "pings that fit the tunnel answered" "1 2 3" "$(ping_from alice 2001:db8:b::66 3 -s 1300)"
# The first is too big for Alice, the second makes an answer too big for Bob: both learn (RFC 8201).
expect "the first that is larger" "" "$(ping_from alice 2001:db8:b::66 1 -s 1440 -W 1)"
learned() { [ -n "$(ping_from alice 2001:db8:b::66 1 -s 1440 -W 1)" ]; }
wait_for 30 learned || true
expect "larger ones, once both ends have learned the path MTU" "1 2 3" "$(ping_from alice 2001:db8:b::66 3 -s 1440)"

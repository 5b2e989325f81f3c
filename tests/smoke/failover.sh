# two gateways for one host (OE draft §8): the stronger one dies, traffic goes by the other; it is back: either serves
#
#   alice ── sg-a ═╤══ Internet ══╤══ sg-b ── bob eth0      precedence 10
#                  └──────────────┴══ sg-d ── bob eth1      precedence 20
# shellcheck shell=bash disable=SC2154
plan_addresses() { address bob eth1 2001:db8:b::66/128; }
plan_records() { precedence=20 published sg-d 192.1.1.6 192.2.0.66 && precedence=20 published sg-d 2001:db8:1::6 2001:db8:b::66; }
plan_config() { sed '$a timers: {liveness: 2s, retransmit: 100ms, gateway: 2s}'; }
export OEGATE_LAB_SECOND=yes; export -f plan_addresses plan_records plan_config
. "$root/tests/smoke/lab.sh"
answered() { [ -n "$(ping_from "$1" "$2" 1 -W 1)" ]; }
gateways() { whole sg-a show tunnels "$1" "$2" | jq -r '[.tunnels[] | select(.in_use) | .gateway] | join(" ")'; }
goes_by() { [ "$(gateways "$1" "$2")" = "$3" ]; }
settled() { wait_for 30 goes_by "$@" || true; gateways "$1" "$2"; }  # SRC DST GATEWAY: that is expected
# Bob's own routing (draft §8): which way answers leave him.
by() {
    at bob ip route replace 192.1.0.0/24 via "192.2.0.$1" dev "$2" onlink
    at bob ip -6 route replace "2001:db8:b::$1/128" dev "$2"
    at bob ip -6 route replace 2001:db8:a::/64 via "2001:db8:b::$1" dev "$2"
}
hosts="192.1.0.65 192.2.0.66 192.1.1.5 192.1.1.6
2001:db8:a::65 2001:db8:b::66 2001:db8:1::5 2001:db8:1::6"
while read -r alice bob sgb sgd; do
    expect "$bob answered" "1 2" "$(ping_from alice "$bob" 2)"
    expect "by the gateway of the stronger precedence" "$sgb" "$(settled "$alice" "$bob" "$sgb")"
done <<<"$hosts"
"$root/scripts/lab" kill sg-b && by 2 eth1
while read -r alice bob sgb sgd; do
    wait_for 40 answered alice "$bob" || true
    expect "sg-b is dead: $bob answered" "1 2" "$(ping_from alice "$bob" 2)"
    expect "by the other" "$sgd k.dead" "$(settled "$alice" "$bob" "$sgd") $(gate sg-a explain "$alice" "$bob" | grep -o k.dead)"
done <<<"$hosts"
"$root/scripts/lab" start sg-b && by 1 eth0
while read -r alice bob sgb sgd; do
    expect "sg-b is back, Bob's answers go by it: answered" "1 2 3" "$(ping_from bob "$alice" 3)"
    expect "the gateway that keyed last has the outbound traffic (option 5)" "$sgb" "$(settled "$alice" "$bob" "$sgb")"
    expect "what comes by the other is taken all the same" "$(by 2 eth1) 1 2" " $(ping_from bob "$alice" 2)"
    by 1 eth0
done <<<"$hosts"
expect "datagrams of the pairs in the clear, all the while" 0 "$(tcpdump -nr "$lab/capture/internet.pcap" host 192.2.0.66 or host 2001:db8:b::66 2>/dev/null | wc -l)"

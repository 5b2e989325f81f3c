# the very first ping of Alice to Bob is answered, and none after it is lost, in both families at once
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob      nothing is known yet: no
#                                                     neighbour, no DNS answer, no SA
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"

gateways_know_nothing() {
    local gw
    for gw in sg-a sg-b; do
        gate $gw --json show tunnels | jq '.tunnels | length'
        gate $gw --json show flows | jq '.flows | length'
        gate $gw --json show neighbours | jq '[.neighbours[] | select(.state == "reachable")] | length'
        gate $gw --json show dns | jq '.dns | length'
    done | paste -sd+ | bc
}
expect "tunnels, flows, neighbours and DNS answers that both gateways know" 0 "$(gateways_know_nothing)"
ping_from alice 192.2.0.66 10 >"$out/answered4" & pinger=$!
ping_from alice 2001:db8:b::66 10 >"$out/answered6" || true
wait $pinger || true
while read -r family alice bob; do
    expect "icmp_seq answered, IPv$family" "1 2 3 4 5 6 7 8 9 10" "$(cat "$out/answered$family")"
    expect "state of the flow at sg-a" encrypt "$(flow sg-a "$alice" "$bob" state)"
    expect "state of the flow at sg-b" encrypt "$(flow sg-b "$bob" "$alice" state)"
    show gate sg-a explain "$alice" "$bob"
done <<<"4 192.1.0.65 192.2.0.66
6 2001:db8:a::65 2001:db8:b::66"
show gate sg-a show tunnels

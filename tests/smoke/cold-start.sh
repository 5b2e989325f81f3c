# the very first ping of Alice to Bob is answered, and none after it is lost
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob      nothing is known yet: no
#                                                     neighbour, no DNS answer, no SA
# shellcheck shell=bash
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
expect "icmp_seq answered" "1 2 3 4 5 6 7 8 9 10" "$(ping_from alice 192.2.0.66 10)"
expect "state of the flow at sg-a" encrypt "$(flow sg-a 192.1.0.65 192.2.0.66 state)"
expect "state of the flow at sg-b" encrypt "$(flow sg-b 192.2.0.66 192.1.0.65 state)"
show gate sg-a show tunnels
show gate sg-a explain 192.1.0.65 192.2.0.66

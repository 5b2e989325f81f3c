# Carol's other address is in an oe-paranoid class: without a gateway she is refused
#
#   alice ── sg-a ─ ✕  Internet ──── carol 192.1.1.68
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"

expect "icmp_seq answered" "" "$(ping_from alice 192.1.1.68 3 -W 1)"
expect "state of the flow" deny "$(flow sg-a 192.1.0.65 192.1.1.68 state)"
expect "reason" p.none "$(flow sg-a 192.1.0.65 192.1.1.68 reason)"
expect "class" oe-paranoid "$(gate sg-a --json explain 192.1.0.65 192.1.1.68 | jq -r .class)"
show gate sg-a explain 192.1.0.65 192.1.1.68

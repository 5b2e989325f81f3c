# Carol has no gateway: under oe-permissive she is reached in the clear
#
#   alice ── sg-a ──── Internet ──── carol 192.1.1.67
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"

expect "icmp_seq answered" "1 2 3" "$(ping_from alice 192.1.1.67 3)"
expect "state of the flow" pass "$(flow sg-a 192.1.0.65 192.1.1.67 state)"
expect "reason" p.none "$(flow sg-a 192.1.0.65 192.1.1.67 reason)"
show gate sg-a explain 192.1.0.65 192.1.1.67

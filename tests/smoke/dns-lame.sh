# the zone's only server does not answer: as a time-out, in the clear under oe-permissive
#
#   alice ── sg-a ──── Internet ──── 192.4.0.70
#              └── unbound: SERVFAIL, also with CD=1
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
answered() { [ -n "$(ping_from alice 192.4.0.70 1 -W 1)" ]; }

wait_for 30 answered || true
expect "icmp_seq answered" "1 2 3" "$(ping_from alice 192.4.0.70 3)"
expect "state of the flow" pass "$(flow sg-a 192.1.0.65 192.4.0.70 state)"
expect "reason" p.dnsfail "$(flow sg-a 192.1.0.65 192.4.0.70 reason)"
show gate sg-a explain 192.1.0.65 192.4.0.70

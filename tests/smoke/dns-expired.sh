# signatures that nobody renewed: the validating resolver says bogus, and the flow is
# denied until they are (dns-own has the same with own validation)
#
#   alice ── sg-a ─ ✕  Internet ──── 192.6.0.70       its zone's signatures ended in 2021
#              └── unbound: SERVFAIL, but not with CD=1
# shellcheck shell=bash disable=SC2154
plan_records() { published sg-b 192.1.1.5 192.6.0.70; }
plan_zones() { echo "zone 0.6.192.in-addr.arpa. expired" && grep '^70\.0\.6\.192' "$lab/records"; }
export -f plan_records plan_zones
. "$root/tests/smoke/lab.sh"

expect "icmp_seq answered" "" "$(no_answer alice 192.6.0.70 3)"
expect "state of the flow" deny "$(flow sg-a 192.1.0.65 192.6.0.70 state)"
expect "reason" p.bogus "$(flow sg-a 192.1.0.65 192.6.0.70 reason)"
show gate sg-a explain 192.1.0.65 192.6.0.70

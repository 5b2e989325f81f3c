# somebody changed a signed record: the answer is bogus and the flow is denied
#
#   alice ── sg-a ─ ✕  Internet ──── 192.5.0.70       its record was altered after
#              └── unbound: SERVFAIL, but not with CD=1      it had been signed
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"

expect "icmp_seq answered" "" "$(no_answer alice 192.5.0.70 3)"
expect "state of the flow" deny "$(flow sg-a 192.1.0.65 192.5.0.70 state)"
expect "reason" p.bogus "$(flow sg-a 192.1.0.65 192.5.0.70 reason)"
show gate sg-a explain 192.1.0.65 192.5.0.70

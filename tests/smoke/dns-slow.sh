# DNS is slow and loses every fifth question: the first ping waits for it and is answered, encrypted
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#             └── 10.53.0.9 ──────────┘      a relay to unbound that takes its time
# shellcheck shell=bash disable=SC2154
plan_addresses() { address dns mgmt 10.53.0.9/24; }
plan_config() { sed 's/address: 10\.53\.0\.2/address: 10.53.0.9/'; }
export -f plan_addresses plan_config
. "$root/tests/smoke/lab.sh"
at dns "$root/tests/smoke/slow_dns.py" 10.53.0.9 10.53.0.2 0.7 5 2>"$out/slow_dns.err" &
wait_for 30 at dns sh -c "ss -Hlun 'src 10.53.0.9' | grep -q ."

while read -r alice bob; do
    expect "the first ping to $bob, held meanwhile" "1" "$(ping_from alice "$bob" 1 -W 25)"
    expect "state of the flow" encrypt "$(flow sg-a "$alice" "$bob" state)"
    expect "it was slow indeed: more than 1.4 s from hold to keyed, both sides' questions" true \
        "$(gate sg-a --json explain "$alice" "$bob" | jq '[.story[] | {(.row): .ago}] | add | ."n.oe" - ."g.keyed" > 1.4')"
done <<<"192.1.0.65 192.2.0.66
2001:db8:a::65 2001:db8:b::66"
show gate sg-a explain 192.1.0.65 192.2.0.66

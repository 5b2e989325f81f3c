# the resolver is killed: what is keyed stays keyed, new pairs go by class; it is back: they are keyed
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob .66 (keyed before), .67 (new)
#             └── ✕ unbound                carol .68 (oe-paranoid)
# shellcheck shell=bash disable=SC2154
plan_config() { sed '$a timers: {dns-failure: 5s, look-again-first: 2s, look-again: 2s}'; }
export -f plan_config
. "$root/tests/smoke/lab.sh"
keyed() { ping_from alice "$2" 1 -W 1 >/dev/null; flow_is sg-a "$1" "$2" encrypt; }

for hosts in "192.1.0.65 192.2.0.66" "2001:db8:a::65 2001:db8:b::66"; do
    expect "before: ${hosts#* } answered" "1 2" "$(ping_from alice "${hosts#* }" 2)"
done
"$root/scripts/lab" kill unbound
while read -r alice keyed new; do
    expect "$keyed, keyed before, answered" "1 2 3" "$(ping_from alice "$keyed" 3)"
    # Held for the whole of dns.timeout (5 s), then let out: answered, if late.
    expect "$new, new: the first datagram, held until DNS has failed" "1" "$(ping_from alice "$new" 1 -W 30)"
    expect "its state" "pass p.dnsfail" "$(flow sg-a "$alice" "$new" state) $(flow sg-a "$alice" "$new" reason)"
done <<<"192.1.0.65 192.2.0.66 192.2.0.67
2001:db8:a::65 2001:db8:b::66 2001:db8:b::67"
expect "an oe-paranoid one" "" "$(ping_from alice 192.1.1.68 1 -W 7)"
expect "its state" "deny p.dnsfail" "$(flow sg-a 192.1.0.65 192.1.1.68 state) $(flow sg-a 192.1.0.65 192.1.1.68 reason)"
"$root/scripts/lab" start unbound
for hosts in "192.1.0.65 192.2.0.67" "2001:db8:a::65 2001:db8:b::67"; do
    wait_for 30 keyed $hosts || true
    expect "the resolver is back: state of ${hosts#* }" encrypt "$(flow sg-a $hosts state)"
done
show gate sg-a explain 192.1.0.65 192.2.0.67

# own validation with two resolvers, and the first strips every signature: Bob is keyed all the
# same, who does it is shown, logged once and asked last; what both strip is denied
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#             ├── 10.53.0.9, a relay without DNSSEC ──┐
#             └── resolver, which validates nothing ──┴── nsd
# shellcheck shell=bash disable=SC2154
plan_addresses() { address dns mgmt 10.53.0.9/24; }
plan_config() {
    sed "s#- {address: 10.53.0.2, trusted-path: true}#- {address: 10.53.0.9}\n    - {address: 10.53.0.2}\n  validation: own\n  trust-anchors: $lab/dns/root.key#"
}
export -f plan_addresses plan_config
. "$root/tests/smoke/lab.sh"
relay() { at dns "$root/tests/smoke/slow_dns.py" "$1" 10.53.0.2 0 1000000 strip 2>>"$out/relay.err" & }
relay 10.53.0.9
wait_for 30 at dns sh -c "ss -Hlun 'src 10.53.0.9' | grep -q ."
"$root/scripts/lab" stop unbound
sed -i '/trust-anchor/d; s/val-log-level: 2/module-config: "iterator"/' "$lab/dns/unbound.conf"
"$root/scripts/lab" start unbound
resolver() { gate "$1" --json show dns | jq -r ".resolvers[] | select(.address == \"$2\") | $3"; }

expect "the relay's answers have no signatures" 0 "$(at dns dig +dnssec +notcp @10.53.0.9 -x 192.2.0.66 IPSECKEY | grep -c RRSIG)"
expect "icmp_seq of the first pings to Bob" "1 2 3" "$(ping_from alice 192.2.0.66 3)"
expect "state of the flow" encrypt "$(flow sg-a 192.1.0.65 192.2.0.66 state)"
for gw in sg-a sg-b; do
    expect "$gw has caught the relay" "true true" "$(resolver $gw 10.53.0.9 '"\(.forgeries > 0) \(.rests)"')"
    expect "and not the resolver" "0 false" "$(resolver $gw 10.53.0.2 '"\(.forgeries) \(.rests)"')"
done
expect "and over IPv6" "1 2 3" "$(ping_from alice 2001:db8:b::66 3)"
expect "altered after signing: denied, as before" "" "$(no_answer alice 192.5.0.70 2)"
# The relay has no TCP for what is too long without EDNS: bogus at the end of dns.timeout.
wait_for 30 flow_is sg-a 192.1.0.65 192.5.0.70 deny || true
expect "its reason" p.bogus "$(flow sg-a 192.1.0.65 192.5.0.70 reason)"
expect "told once" 1 "$(grep -c 'resolver 10.53.0.9 gives answers that fail validation' "$lab/sg-a.log")"
show gate sg-a show dns

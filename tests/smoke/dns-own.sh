# own validation: the gateways trust the root's key and no resolver; theirs validates
# nothing, and anybody could alter its answers on the way
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob            signed: keyed
#             │         ├──────────── 192.5.0.70             altered after signing: denied
#             │         ├──────────── 192.6.0.70             signatures have expired: denied
#             │         └──────────── 192.7.0.70             unsigned, naming another: not believed
#             └── resolver ── nsd
# shellcheck shell=bash disable=SC2154
plan_addresses() { address internet lo 192.7.0.70/32; }
plan_records() { published sg-b 192.1.1.5 192.6.0.70 192.7.0.70; }
plan_zones() {
    echo "zone 0.6.192.in-addr.arpa. expired" && grep '^70\.0\.6\.192' "$lab/records"
    echo "zone 0.7.192.in-addr.arpa. unsigned" && grep '^70\.0\.7\.192' "$lab/records"
}
plan_config() {
    sed "s#trusted-path: true}#trusted-path: false}\n  validation: own\n  trust-anchors: $lab/dns/root.key#"
}
export -f plan_addresses plan_records plan_zones plan_config
. "$root/tests/smoke/lab.sh"

"$root/scripts/lab" stop unbound
sed -i '/trust-anchor/d; s/val-log-level: 2/module-config: "iterator"/' "$lab/dns/unbound.conf"
"$root/scripts/lab" start unbound
expect "the resolver says SERVFAIL to what was altered" 0 \
    "$(at dns dig +time=2 @10.53.0.2 -x 192.5.0.70 IPSECKEY | grep -c SERVFAIL)"

expect "icmp_seq of the first pings to Bob" "1 2 3 4 5 6 7 8 9 10" "$(ping_from alice 192.2.0.66 10)"
expect "and over IPv6" "1 2 3" "$(ping_from alice 2001:db8:b::66 3)"
expect "state of the flow at sg-a" encrypt "$(flow sg-a 192.1.0.65 192.2.0.66 state)"
expect "state of the flow at sg-b" encrypt "$(flow sg-b 192.2.0.66 192.1.0.65 state)"
verdict() { gate "$1" --json show dns | jq -r ".dns[] | select(.owner == \"$2\") | .dnssec"; }
expect "sg-a's verdict on Bob" secure "$(verdict sg-a 192.2.0.66)"
expect "sg-b's verdict on Alice" secure "$(verdict sg-b 192.1.0.65)"
for host in 192.5.0.70 192.6.0.70; do
    expect "$host answered" "" "$(no_answer alice $host 2)"
    expect "its verdict, state and reason" "bogus deny p.bogus" \
        "$(verdict sg-a $host) $(flow sg-a 192.1.0.65 $host state) $(flow sg-a 192.1.0.65 $host reason)"
done
expect "192.7.0.70, in the clear" "1 2" "$(ping_from alice 192.7.0.70 2)"
expect "its verdict, state and reason" "insecure pass p.unusable" \
    "$(verdict sg-a 192.7.0.70) $(flow sg-a 192.1.0.65 192.7.0.70 state) $(flow sg-a 192.1.0.65 192.7.0.70 reason)"
show gate sg-a show dns
show gate sg-a explain 192.1.0.65 192.6.0.70

# A file without anchors is found before anything starts.
echo "; none yet" >"$out/empty.key"
sed "s#trust-anchors: .*#trust-anchors: $out/empty.key#" "$lab/sg-a/oegate.yaml" >"$out/empty.yaml"
"$build/controlplane/oegated" --config "$out/empty.yaml" >"$out/empty.log" 2>&1 || true
expect "start with an empty file of anchors" 1 "$(grep -c 'dns.trust-anchors: .*empty.key: no trust anchor.*expected DS or DNSKEY' "$out/empty.log")"

# an authority that lies: other gateways, unsigned. In a signed zone that is an attack and
# denies; where nothing is signed nobody may name another host as his gateway
#
#   alice ── sg-a ─ ✕  Internet ──── bob .66 (signed zone: bogus)
#              │          └───────── 192.7.0.70 (unsigned zone: the record does not count)
#              └── unbound ── nsd: "the gateway is 192.1.1.9"
# shellcheck shell=bash disable=SC2154
plan_addresses() { address internet lo 192.7.0.70/32; }
plan_records() { published sg-d 192.1.1.9 192.7.0.70; }
plan_zones() { echo "zone 0.7.192.in-addr.arpa. unsigned" && grep '^70\.0\.7\.192' "$lab/records"; }
export -f plan_addresses plan_records plan_zones
. "$root/tests/smoke/lab.sh"
lie() { sed -i "s#zonefile: \"$1.zone.signed\"#zonefile: \"$1.zone\"#" "$lab/dns/nsd.conf"; sed -i "s/$2/$3/g" "$lab/dns/$1.zone"; }

"$root/scripts/lab" stop nsd
lie 0.2.192.in-addr.arpa 192.1.1.5 192.1.1.9
lie 8.b.d.0.1.0.0.2.ip6.arpa 2001:db8:1::5 2001:db8:1::9
"$root/scripts/lab" start nsd
for hosts in "192.1.0.65 192.2.0.66" "2001:db8:a::65 2001:db8:b::66"; do
    expect "${hosts#* }, whose signed zone lost its signatures" "" "$(no_answer alice "${hosts#* }" 2)"
    expect "state and reason" "deny p.bogus" "$(flow sg-a $hosts state) $(flow sg-a $hosts reason)"
done
expect "192.7.0.70, of an unsigned zone" "1 2" "$(ping_from alice 192.7.0.70 2)"
expect "state and reason" "pass p.unusable" "$(flow sg-a 192.1.0.65 192.7.0.70 state) $(flow sg-a 192.1.0.65 192.7.0.70 reason)"
expect "IKE sent to the host that the liar named" 0 \
    "$(tcpdump -n -r "$lab/capture/internet.pcap" 'udp port 500 and (host 192.1.1.9 or host 2001:db8:1::9)' 2>/dev/null | wc -l)"
show gate sg-a explain 192.1.0.65 192.2.0.66

# classes by source, require-secure, a configured peer without DNS, and stickiness
#
#   alice .65, .71 ── sg-a ════ Internet ════ sg-b ── bob .66, .67, .72, ::71 (configured, not in DNS)
#                                 └─ 192.7.0.70, 2001:db9::70: unsigned records
# shellcheck shell=bash disable=SC2154,SC2016
plan_addresses() {
    address alice eth0 192.1.0.71/24 2001:db8:a::71/64
    address bob eth0 192.2.0.71/24 192.2.0.72/24 2001:db8:b::71/64 2001:db8:b::72/64
    address internet lo 192.7.0.70/32 2001:db9::70/128
}
key() { published "$1" 192.1.1.4 192.1.0.71 | sed -n 's/.* IPSECKEY 10 1 2 192.1.1.4 //p'; }
plan_zones() {
    printf 'minimum 2\nzone 0.7.192.in-addr.arpa. unsigned\n'; echo "70.0.7.192.in-addr.arpa. 60 IN IPSECKEY 10 1 2 192.7.0.70 $(key sg-b)"
    echo "zone 9.b.d.0.1.0.0.2.ip6.arpa. unsigned"
    echo "0.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.1.0.0.2.ip6.arpa. 60 IN IPSECKEY 10 2 2 2001:db9::70 $(key sg-b)"
}
plan_config() {
    local near='"2001:db8:a::71/128"' far='"2001:db8:b::71/128"' other=sg-b at=2001:db8:1::5 rules
    [ "$1" = sg-a ] || { local swap=$near; near=$far far=$swap other=sg-a at=2001:db8:1::4; }
    rules="  - {class: configured, destinations: [$far], sources: [$near], peer: $other}\n"
    [ "$1" = sg-b ] || rules+='  - {class: always-clear-text, destinations: [192.2.0.67/32, "2001:db8:b::67/128"], sources: [192.1.0.71/32, "2001:db8:a::71/128"]}\n  - {class: oe-paranoid, destinations: [192.7.0.70/32, "2001:db9::70/128"], require-secure: true}\n'
    sed "s#^dns:#&\n  timeout: 2s#; s#^classes:#peers:\n  - {name: $other, gateway: \"$at\", keys: [\"$(key $other)\"]}\n&\n$rules#; \$a timers: {dns-failure: 2s, gateway: 2s, liveness: 2s, retransmit: 100ms}" | grep -v '^$'
    [ "$1" = sg-b ] || echo 'sticky: {enabled: true, after: 2}'
}
export OEGATE_LAB_TTL=3; export -f plan_addresses plan_zones plan_config key
. "$root/tests/smoke/lab.sh"
state() { echo "$(flow sg-a "$1" "$2" state) $(flow sg-a "$1" "$2" "$3")"; }
# each COMMAND: for each family, its prefixes of Alice and Bob, and the host with unsigned records.
each() {
    "$1" 192.1.0. 192.2.0. 192.7.0.70
    "$1" 2001:db8:a:: 2001:db8:b:: 2001:db9::70
}
unkeyed() {
    local a=$1 b=$2 unsigned=$3
    expect "from ${a}71, its source's class: no state, in the clear" "1 2 none" "$(ping_from alice "${b}67" 2 -I "${a}71") $(flow sg-a "${a}71" "${b}67" state)"
    expect "an unsigned record, where the class requires DNSSEC" " deny p.insecure" "$(ping_from alice "$unsigned" 1 -W 2 -I "${a}65") $(state "${a}65" "$unsigned" reason)"
}
never_keyed() {
    local a=$1 b=$2
    expect "DNS is switched off: ${b}72, never keyed, in the clear" "1 pass p.dnsfail" "$(ping_from alice "${b}72" 1 -I "${a}65") $(state "${a}65" "${b}72" reason)"
}
each unkeyed
expect "the configured peer, known without DNS" "1 2 encrypt configured" "$(ping_from alice 2001:db8:b::71 2 -I 2001:db8:a::71) $(state 2001:db8:a::71 2001:db8:b::71 class)"
# In IPv4: who calls itself 2001:db8:1::5 is the configured peer, and never opportunistic (r.configured).
expect "from .65, the class of everybody" "1 2 encrypt" "$(ping_from alice 192.2.0.67 2) $(flow sg-a 192.1.0.65 192.2.0.67 state)"
for _ in 1 2; do  # keyed twice: sticky
    expect "towards .66" "1 encrypt" "$(ping_from alice 192.2.0.66 1) $(flow sg-a 192.1.0.65 192.2.0.66 state)"
    gate sg-a flow clear 192.1.0.65 192.2.0.66 >/dev/null
done
"$root/scripts/lab" kill unbound
each never_keyed
expect ".66, keyed before: not in the clear" " deny f.sticky" "$(ping_from alice 192.2.0.66 1 -W 4) $(state 192.1.0.65 192.2.0.66 reason)"
expect "and what to do" true "$(gate sg-a --json explain 192.1.0.65 192.2.0.66 | jq '.advice | contains("sticky clear")')"
expect_ok "released by the operator" gate sg-a sticky clear 192.2.0.66
expect "and in the clear" "1" "$(ping_from alice 192.2.0.66 1)"
expect "the configured peer needs no DNS" "1" "$(ping_from alice 2001:db8:b::71 1 -I 2001:db8:a::71)"
"$root/scripts/lab" kill sg-b
gate sg-a flow clear 2001:db8:a::71 2001:db8:b::71 >/dev/null
expect "the configured peer is dead: never in the clear" " deny configured" "$(ping_from alice 2001:db8:b::71 1 -W 4 -I 2001:db8:a::71) $(state 2001:db8:a::71 2001:db8:b::71 class)"
show gate sg-a show sticky

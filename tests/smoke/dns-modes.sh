# The two ways to trust (dns.validation), same questions, same answers; own validation alone
# can tell an unsigned delegation from one of which nothing is known
#
#   ask ─┬─ 10.53.0.2, unbound: validates, trusted by its AD ───────────────┬─ nsd
#        └─ 10.53.0.3, unbound: does not; ask has the tree's anchor itself ─┘
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/dns-tree.sh"
sed 's/10\.53\.0\.2/10.53.0.3/; s/unbound.daemon/forger.daemon/; /trust-anchor/d; s/val-log-level: 2/module-config: "iterator"/' "$out/dns/unbound.conf" >"$out/dns/plain.conf"
resolver plain.conf 10.53.0.3
# both WHAT KIND OWNER BY-AD BY-OWN
both() {
    expect "$1, by a resolver's AD" "$4" "$(ask 10.53.0.2 trusted "$2" "$3")"
    expect "$1, by own validation" "$5" "$(ask 10.53.0.3 "own:$out/dns/root.key" "$2" "$3")"
}
while IFS='|' read -r what kind owner expected; do both "$what" "$kind" "$owner" "$expected" "$expected"; done <<<"\
secure|delegation|192.2.0.66|usable secure $gateway
secure, IPv6|delegation|2001:db8:2::66|usable secure 2001:db8:1::5/10/1key
secure, NSEC3|delegation|192.7.0.66|usable secure $gateway
secure, in an opt-out zone|delegation|192.8.0.66|usable secure $gateway
keys of a gateway|keys|192.1.1.5|usable secure 1key
keys of a gateway, IPv6|keys|2001:db8:1::5|usable secure 1key
an alias|delegation|192.2.0.67|usable secure $gateway
classless delegation|delegation|192.2.8.9|usable secure $gateway
a wildcard|delegation|192.2.9.77|usable secure $gateway
a wildcard, NSEC3|delegation|192.7.9.77|usable secure $gateway
absent|delegation|192.2.0.99|none secure
absent, NSEC3|delegation|192.7.0.99|none secure
absent, IPv6|delegation|2001:db8:2::99|none secure
tampered|delegation|192.4.0.66|bogus bogus
expired|delegation|192.9.0.66|bogus bogus
expired absence|delegation|192.9.0.99|bogus bogus
an alias into expired|delegation|192.2.0.79|bogus bogus
lame|delegation|192.5.0.66|failed indeterminate"
both "unsigned, naming another" delegation 192.3.0.66 "unusable indeterminate" "unusable insecure"
both "unsigned, naming itself" delegation 192.3.0.9 "usable indeterminate 192.3.0.9/10/1key" "usable insecure 192.3.0.9/10/1key"
both "unsigned and absent" delegation 192.3.0.99 "none indeterminate" "none insecure"
both "an alias into unsigned" delegation 192.2.0.78 "unusable indeterminate" "unusable insecure"
both "unsigned below opt-out" delegation 192.8.1.66 "unusable indeterminate" "unusable insecure"
both "absent below opt-out" delegation 192.8.0.99 "none indeterminate" "none insecure"
expect "an anchor of another tree" "bogus bogus" "$(ask 10.53.0.3 own:/usr/share/dns/root.key delegation 192.2.0.66)"

# The two ways to trust (dns.validation): a validating resolver on a trusted path, and own
# validation from the zone tree's anchor over an untrusted path to a resolver that
# validates nothing. Same questions, same answers; own validation alone can tell an
# unsigned delegation from an answer of which nothing is known.
# shellcheck shell=bash disable=SC2154

for address in 10.53.0.1 10.53.0.2 10.53.0.3; do ip addr add $address/32 dev lo; done
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>"$out/last-command" |
    openssl pkey -pubout -out "$out/b.pem"
# records HOST...: what the gateway 192.1.1.5 would publish for them.
records() { "$build/tests/smoke/publish" 192.1.1.5 "$out/b.pem" "$@" | grep -v '^5.1.1.192'; }
{
    echo "zone 1.192.in-addr.arpa. signed"
    "$build/tests/smoke/publish" 192.1.1.5 "$out/b.pem"
    echo "zone 2.192.in-addr.arpa. signed"
    records 192.2.0.66
    echo "67.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.2.192.in-addr.arpa."
    echo "68.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.3.192.in-addr.arpa."
    echo "69.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.6.192.in-addr.arpa."
    # A class of hosts by wildcard (RFC 4592), and classless delegation (RFC 2317).
    records 192.2.9.9 | sed 's/^9\.9\./*.9./'
    echo "9.8.2.192.in-addr.arpa. 600 IN CNAME 9.0-15.8.2.192.in-addr.arpa."
    records 192.2.8.9 | sed 's/^9\.8\./9.0-15.8./'
    echo "zone 3.192.in-addr.arpa. unsigned"
    records 192.3.0.66
    "$build/tests/smoke/publish" 192.3.0.9 "$out/b.pem" 192.3.0.9
    echo "zone 4.192.in-addr.arpa. signed"
    records 192.4.0.66
    echo "tamper 66.0.4.192.in-addr.arpa. IPSECKEY 192.1.1.5 192.1.1.6"
    echo "tamper 66.0.4.192.in-addr.arpa. TXT 192.1.1.5 192.1.1.6"
    echo "zone 5.192.in-addr.arpa. lame"
    echo "zone 6.192.in-addr.arpa. expired"
    records 192.6.0.66
    echo "zone 7.192.in-addr.arpa. nsec3"
    records 192.7.0.66
    records 192.7.9.9 | sed 's/^9\.9\./*.9./'
    echo "zone 8.192.in-addr.arpa. optout"
    records 192.8.0.66
    echo "zone 1.8.192.in-addr.arpa. unsigned"
    records 192.8.1.66
    echo "zone 8.b.d.0.1.0.0.2.ip6.arpa. signed"
    "$build/tests/smoke/publish" 2001:db8:1::5 "$out/b.pem" 2001:db8:2::66
} >"$out/spec"
"$root/scripts/zones" "$out/dns" 10.53.0.1 10.53.0.2 <"$out/spec"
# The untrusted one: the same cache without a validator.
sed 's/10\.53\.0\.2/10.53.0.3/; s/unbound.daemon/forger.daemon/; /trust-anchor/d; s/val-log-level: 2/module-config: "iterator"/' \
    "$out/dns/unbound.conf" >"$out/dns/plain.conf"
nsd -d -c "$out/dns/nsd.conf" >"$out/nsd.log" 2>&1 &
cp "$(command -v unbound)" "$out/unbound"  # /usr/sbin/unbound is bound to /etc/unbound by AppArmor
"$out/unbound" -d -c "$out/dns/unbound.conf" >"$out/unbound.log" 2>&1 &
"$out/unbound" -d -c "$out/dns/plain.conf" >"$out/plain.log" 2>&1 &
for resolver in 10.53.0.2 10.53.0.3; do
    wait_for 10 sh -c "dig +time=1 +tries=1 @$resolver . SOA | grep -q NOERROR"
done
ask() { timeout 20 "$build/tests/smoke/ask" "$@" 2>>"$out/ask.err" | tee -a "$out/ask.log" | sed 's/ |.*//'; }
# both WHAT KIND OWNER BY-AD BY-OWN
both() {
    expect "$1, by a resolver's AD" "$4" "$(ask 10.53.0.2 trusted "$2" "$3")"
    expect "$1, by own validation" "$5" "$(ask 10.53.0.3 "own:$out/dns/root.key" "$2" "$3")"
}
same() { both "$1" "$2" "$3" "$4" "$4"; }

gateway=192.1.1.5/10/1key
same "secure" delegation 192.2.0.66 "usable secure $gateway"
same "secure, IPv6" delegation 2001:db8:2::66 "usable secure 2001:db8:1::5/10/1key"
same "secure, NSEC3" delegation 192.7.0.66 "usable secure $gateway"
same "secure, in an opt-out zone" delegation 192.8.0.66 "usable secure $gateway"
same "keys of a gateway" keys 192.1.1.5 "usable secure 1key"
same "keys of a gateway, IPv6" keys 2001:db8:1::5 "usable secure 1key"
same "an alias" delegation 192.2.0.67 "usable secure $gateway"
same "classless delegation" delegation 192.2.8.9 "usable secure $gateway"
same "a wildcard" delegation 192.2.9.77 "usable secure $gateway"
same "a wildcard, NSEC3" delegation 192.7.9.77 "usable secure $gateway"
same "absent" delegation 192.2.0.99 "none secure"
same "absent, NSEC3" delegation 192.7.0.99 "none secure"
same "absent, IPv6" delegation 2001:db8:2::99 "none secure"
same "tampered" delegation 192.4.0.66 "bogus bogus"
same "expired" delegation 192.6.0.66 "bogus bogus"
same "expired absence" delegation 192.6.0.99 "bogus bogus"
same "an alias into expired" delegation 192.2.0.69 "bogus bogus"
same "lame" delegation 192.5.0.66 "failed indeterminate"
both "unsigned, naming another" delegation 192.3.0.66 "unusable indeterminate" "unusable insecure"
both "unsigned, naming itself" delegation 192.3.0.9 \
    "usable indeterminate 192.3.0.9/10/1key" "usable insecure 192.3.0.9/10/1key"
both "unsigned and absent" delegation 192.3.0.99 "none indeterminate" "none insecure"
both "an alias into unsigned" delegation 192.2.0.68 "unusable indeterminate" "unusable insecure"
both "unsigned below opt-out" delegation 192.8.1.66 "unusable indeterminate" "unusable insecure"
both "absent below opt-out" delegation 192.8.0.99 "none indeterminate" "none insecure"
expect "an anchor of another tree" "bogus bogus" \
    "$(ask 10.53.0.3 own:/usr/share/dns/root.key delegation 192.2.0.66)"

# The gateway's questions to real parts: nsd with zones signed by ldns-signzone, unbound
# as validating resolver. Secure, tampered, lame, unsigned, absent; and TCP.
# shellcheck shell=bash disable=SC2154

ip addr add 10.53.0.1/32 dev lo
ip addr add 10.53.0.2/32 dev lo
for gateway in a b; do
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>"$out/last-command" |
        openssl pkey -pubout -out "$out/$gateway.pem"
done
publish=$build/tests/smoke/publish
ask() { timeout 20 "$build/tests/smoke/ask" 10.53.0.2 "$@" 2>>"$out/ask.err" | tee -a "$out/ask.log"; }
answer() { ask "$@" | sed 's/ |.*//'; }
sorted() { tr ' ' '\n' <<<"$1" | sort | paste -sd' '; }
reverse() { python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer + ".")' "$1"; }
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:8192 2>"$out/last-command" |
    openssl pkey -pubout -out "$out/large.pem"
key=$("$publish" 192.1.1.5 "$out/b.pem" 192.2.0.66 | awk '/^66.*IPSECKEY/ { print $NF }')

{
    echo "zone 1.192.in-addr.arpa. signed"
    "$publish" 192.1.1.4 "$out/a.pem" 192.1.0.65
    "$publish" 192.1.1.5 "$out/b.pem"
    echo "zone 2.192.in-addr.arpa. signed"
    "$publish" 192.1.1.5 "$out/b.pem" 192.2.0.66 | grep ^66
    echo "67.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.2.192.in-addr.arpa."
    echo "68.0.2.192.in-addr.arpa. 600 IN TXT \"v=spf1 -all\""
    echo "69.0.2.192.in-addr.arpa. 600 IN TXT \"X-IPsec-Server(10)=nonsense\""
    # A key of two bytes whose exponent would be 255 bytes long.
    echo "70.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 1 2 192.1.1.5 /wE="
    # Six keys and their signature are more than a datagram carries here.
    for i in 1 2 3 4 5 6; do "$publish" 192.1.1.$i "$out/b.pem" 192.2.0.71 | grep ^71; done
    # Gateways by name, with a key: ldns-signzone cannot write a record without (its
    # key look-up at the name is asked by itself below, and chained in unit tests).
    echo "72.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 sg-b.gw.example. $key"
    echo "74.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 sg-u.un.example. $key"
    echo "75.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 nobody.gw.example. $key"
    # A key of 8192 bits: six character-strings, more than a datagram carries.
    "$publish" 192.1.1.8 "$out/large.pem" 192.2.0.76 | grep ^76.*TXT
    # Classless delegation (RFC 2317): one alias an address into the tenant's zone.
    for i in 128 129; do echo "$i.0.2.192.in-addr.arpa. 600 IN CNAME $i.128-159.0.2.192.in-addr.arpa."; done
    echo "zone 128-159.0.2.192.in-addr.arpa. signed"
    echo "129.128-159.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 1 2 192.1.1.5 $key"
    echo "zone gw.example. signed"
    echo "sg-b.gw.example. 600 IN A 192.1.1.5"
    echo "sg-b.gw.example. 600 IN AAAA 2001:db8:1::5"
    echo "sg-n.gw.example. 600 IN A 192.1.1.7"
    echo "sg-n.gw.example. 600 IN IPSECKEY 10 0 2 . $key"
    echo "66.rev.gw.example. 600 IN IPSECKEY 10 1 2 192.1.1.5 $key"
    echo "zone un.example. unsigned"
    echo "sg-u.un.example. 600 IN A 192.1.1.9"
    echo "zone 6.192.in-addr.arpa. signed"
    echo "0.6.192.in-addr.arpa. 600 IN DNAME rev.gw.example."
    echo "zone 3.192.in-addr.arpa. unsigned"
    "$publish" 192.1.1.5 "$out/b.pem" 192.3.0.66 | grep ^66
    "$publish" 192.3.0.9 "$out/b.pem" 192.3.0.9
    echo "zone 4.192.in-addr.arpa. signed"
    "$publish" 192.1.1.5 "$out/b.pem" 192.4.0.66 192.4.0.67 192.4.0.68 | grep ^6
    echo "tamper 66.0.4.192.in-addr.arpa. IPSECKEY 192.1.1.5 192.1.1.6"
    echo "tamper 66.0.4.192.in-addr.arpa. TXT 192.1.1.5 192.1.1.6"
    echo "tamper 67.0.4.192.in-addr.arpa. IPSECKEY 192.1.1.5 192.1.1.6"
    echo "tamper 68.0.4.192.in-addr.arpa. TXT 192.1.1.5 192.1.1.6"
    echo "zone 5.192.in-addr.arpa. lame"
    echo "zone 8.b.d.0.1.0.0.2.ip6.arpa. signed"
    "$publish" 2001:db8:1::5 "$out/b.pem" 2001:db8:2::66
    echo "$(reverse 2001:db8:2::72) 600 IN IPSECKEY 10 3 2 sg-b.gw.example. $key"
} >"$out/spec"
"$root/scripts/zones" "$out/dns" 10.53.0.1 10.53.0.2 <"$out/spec"
nsd -d -c "$out/dns/nsd.conf" >"$out/nsd.log" 2>&1 &
cp "$(command -v unbound)" "$out/unbound"  # /usr/sbin/unbound is bound to /etc/unbound by AppArmor
"$out/unbound" -d -c "$out/dns/unbound.conf" >"$out/unbound.log" 2>&1 &
wait_for 10 sh -c "dig +time=1 +tries=1 @10.53.0.2 . SOA | grep -q NOERROR"

expect "secure delegation" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.2.0.66)"
expect "secure delegation, IPv6" "usable secure 2001:db8:1::5/10/1key" "$(answer trusted delegation 2001:db8:2::66)"
expect "the other side" "usable secure 192.1.1.4/10/1key" "$(answer trusted delegation 192.1.0.65)"
expect "through an alias" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.2.0.67)"
expect "keys of a gateway" "usable secure 1key" "$(answer trusted keys 192.1.1.5)"
expect "keys of a gateway, IPv6" "usable secure 1key" "$(answer trusted keys 2001:db8:1::5)"
expect "tampered" "bogus bogus" "$(answer trusted delegation 192.4.0.66)"
# A usable secure record wins over what else was tampered with.
expect "tampered IPSECKEY, good TXT" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.4.0.67)"
expect "tampered TXT, good IPSECKEY" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.4.0.68)"
expect "lame" "failed indeterminate" "$(answer trusted delegation 192.5.0.66)"
expect "unsigned, naming another" "unusable indeterminate" "$(answer trusted delegation 192.3.0.66)"
expect "unsigned, naming itself" "usable indeterminate 192.3.0.9/10/1key" "$(answer trusted delegation 192.3.0.9)"
expect "absent, signed" "none secure" "$(answer trusted delegation 192.1.1.67)"
expect "absent, unsigned" "none indeterminate" "$(answer trusted delegation 192.3.0.67)"
expect "another's TXT" "unusable secure" "$(answer trusted delegation 192.2.0.68)"
expect "malformed TXT" "malformed indeterminate" "$(answer trusted delegation 192.2.0.69)"
expect "malformed IPSECKEY" "malformed indeterminate" "$(answer trusted delegation 192.2.0.70)"
expect "AD from an untrusted path" "unusable indeterminate" "$(answer untrusted delegation 192.2.0.66)"
expect "six gateways" "usable secure" "$(answer trusted delegation 192.2.0.71 | cut -d' ' -f1,2)"
expect "by TCP" 1 "$(tail -1 "$out/ask.err" | grep -c 'tcp [1-9]')"
by_name="192.1.1.5/10/1key/@sg-b.gw.example 2001:db8:1::5/10/1key/@sg-b.gw.example"
expect "gateway by name" "$(sorted "usable secure $by_name")" "$(sorted "$(answer trusted delegation 192.2.0.72)")"
expect "gateway by name, IPv6" "$(sorted "usable secure $by_name")" "$(sorted "$(answer trusted delegation 2001:db8:2::72)")"
expect "the key at its name" "usable secure 1key" "$(answer trusted keys sg-n.gw.example)"
expect "gateway by name, address unsigned" "unusable secure" "$(answer trusted delegation 192.2.0.74)"
expect "gateway by a name that is not there" "unusable secure" "$(answer trusted delegation 192.2.0.75)"
expect "gateway by name, untrusted path" "unusable indeterminate" "$(answer untrusted delegation 192.2.0.72)"
expect "TXT in six strings, a key of 8192 bits" "usable secure 192.1.1.8/10/1key" "$(answer trusted delegation 192.2.0.76)"
expect "classless delegation" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.2.0.129)"
expect "classless delegation, nothing there" "none secure" "$(answer trusted delegation 192.2.0.128)"
expect "DNAME" "usable secure 192.1.1.5/10/1key" "$(answer trusted delegation 192.6.0.66)"
expect "DNAME, nothing there" "none secure" "$(answer trusted delegation 192.6.0.67)"
expect "any, naming another" "usable indeterminate 192.1.1.5/10/1key/any" "$(UNSIGNED_RECORDS=any answer trusted delegation 192.3.0.66)"
expect "any, naming itself" "usable indeterminate 192.3.0.9/10/1key" "$(UNSIGNED_RECORDS=any answer trusted delegation 192.3.0.9)"
expect "refuse, naming itself" "unusable indeterminate" "$(UNSIGNED_RECORDS=refuse answer trusted delegation 192.3.0.9)"
expect "refuse, signed" "usable secure 192.1.1.5/10/1key" "$(UNSIGNED_RECORDS=refuse answer trusted delegation 192.2.0.66)"
expect "any, tampered" "bogus bogus" "$(UNSIGNED_RECORDS=any answer trusted delegation 192.4.0.66)"
# The resolver's own address is a name like any other.
expect "about the resolver itself" "none secure" "$(answer trusted delegation 10.53.0.2)"
expect "nobody answers" "failed indeterminate" \
    "$(timeout 20 "$build/tests/smoke/ask" 10.53.0.3 trusted delegation 192.2.0.66 2>/dev/null | sed 's/ |.*//')"

# What the stories of the gateway's own questions use: one tree of zones with a case under
# each address, signed by ldns-signzone, at nsd (10.53.0.1), and unbound as validating
# resolver (10.53.0.2). Sourced by a story.
# shellcheck shell=bash disable=SC2154

for n in 1 2 3; do ip addr add 10.53.0.$n/32 dev lo; done
# rsa NAME BITS PRIMES: a gateway's public key. Of many primes a large one is soon made.
rsa() {
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:"$2" -pkeyopt rsa_keygen_primes:"$3" 2>"$out/last-command" |
        openssl pkey -pubout -out "$out/$1.pem"
}
rsa a 2048 2
rsa b 2048 2
rsa large 8192 5
reverse() { python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer + ".")' "$1"; }
publish() { local gateway=$1 key=$2; shift 2; "$build/tests/smoke/publish" "$gateway" "$out/$key.pem" "$@"; }
# of HOST GATEWAY [KEY]: the records of that host alone.
of() { publish "$2" "${3:-b}" "$1" | grep -F "$(reverse "$1") "; }
key=$(of 192.2.0.66 192.1.1.5 | awk '/IPSECKEY/ { print $NF }')

gateways() {
    echo "zone 1.192.in-addr.arpa. signed"
    publish 192.1.1.4 a 192.1.0.65
    publish 192.1.1.5 b
    echo "zone gw.example. signed"
    echo "sg-b.gw.example. 600 IN A 192.1.1.5"
    echo "sg-b.gw.example. 600 IN AAAA 2001:db8:1::5"
    echo "sg-n.gw.example. 600 IN A 192.1.1.7"
    echo "sg-n.gw.example. 600 IN IPSECKEY 10 0 2 . $key"
    echo "66.rev.gw.example. 600 IN IPSECKEY 10 1 2 192.1.1.5 $key"
    echo "zone un.example. unsigned"
    echo "sg-u.un.example. 600 IN A 192.1.1.9"
}
signed_hosts() {
    echo "zone 2.192.in-addr.arpa. signed"
    of 192.2.0.66 192.1.1.5
    echo "67.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.2.192.in-addr.arpa."
    echo "68.0.2.192.in-addr.arpa. 600 IN TXT \"v=spf1 -all\""
    echo "69.0.2.192.in-addr.arpa. 600 IN TXT \"X-IPsec-Server(10)=nonsense\""
    # A key of two bytes whose exponent would be 255 bytes long.
    echo "70.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 1 2 192.1.1.5 /wE="
    # Six keys and their signature are more than a datagram carries here.
    for i in 1 2 3 4 5 6; do of 192.2.0.71 192.1.1.$i; done
    # Gateways by name, with a key: ldns-signzone cannot write a record without (its
    # key look-up at the name is asked by itself, and chained in unit tests).
    echo "72.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 sg-b.gw.example. $key"
    echo "74.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 sg-u.un.example. $key"
    echo "75.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 3 2 nobody.gw.example. $key"
    # A key of 8192 bits: six character-strings, more than a datagram carries.
    of 192.2.0.76 192.1.1.8 large | grep TXT
    echo "78.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.3.192.in-addr.arpa."
    echo "79.0.2.192.in-addr.arpa. 600 IN CNAME 66.0.9.192.in-addr.arpa."
    # A class of hosts by wildcard (RFC 4592), and classless delegation (RFC 2317): one
    # alias an address into a name beside it, or into the tenant's zone.
    of 192.2.9.9 192.1.1.5 | sed 's/^9\.9\./*.9./'
    echo "9.8.2.192.in-addr.arpa. 600 IN CNAME 9.0-15.8.2.192.in-addr.arpa."
    of 192.2.8.9 192.1.1.5 | sed 's/^9\.8\./9.0-15.8./'
    for i in 128 129; do echo "$i.0.2.192.in-addr.arpa. 600 IN CNAME $i.128-159.0.2.192.in-addr.arpa."; done
    echo "zone 128-159.0.2.192.in-addr.arpa. signed"
    echo "129.128-159.0.2.192.in-addr.arpa. 600 IN IPSECKEY 10 1 2 192.1.1.5 $key"
    echo "zone 6.192.in-addr.arpa. signed"
    echo "0.6.192.in-addr.arpa. 600 IN DNAME rev.gw.example."
    echo "zone 7.192.in-addr.arpa. nsec3"
    of 192.7.0.66 192.1.1.5
    of 192.7.9.9 192.1.1.5 | sed 's/^9\.9\./*.9./'
    echo "zone 8.192.in-addr.arpa. optout"
    of 192.8.0.66 192.1.1.5
    echo "zone 8.b.d.0.1.0.0.2.ip6.arpa. signed"
    publish 2001:db8:1::5 b 2001:db8:2::66
    echo "$(reverse 2001:db8:2::72) 600 IN IPSECKEY 10 3 2 sg-b.gw.example. $key"
}
other_hosts() {
    echo "zone 3.192.in-addr.arpa. unsigned"
    of 192.3.0.66 192.1.1.5
    of 192.3.0.9 192.3.0.9
    echo "zone 1.8.192.in-addr.arpa. unsigned"
    of 192.8.1.66 192.1.1.5
    echo "zone 4.192.in-addr.arpa. signed"
    for host in 192.4.0.66 192.4.0.67 192.4.0.68; do of $host 192.1.1.5; done
    printf 'tamper %s.0.4.192.in-addr.arpa. %s 192.1.1.5 192.1.1.6\n' 66 IPSECKEY 66 TXT 67 IPSECKEY 68 TXT
    echo "zone 5.192.in-addr.arpa. lame"
    echo "zone 9.192.in-addr.arpa. expired"
    of 192.9.0.66 192.1.1.5
}

{ gateways; signed_hosts; other_hosts; } >"$out/spec"
"$root/scripts/zones" "$out/dns" 10.53.0.1 10.53.0.2 <"$out/spec"
nsd -d -c "$out/dns/nsd.conf" >"$out/nsd.log" 2>&1 &
cp "$(command -v unbound)" "$out/unbound"  # /usr/sbin/unbound is bound to /etc/unbound by AppArmor
answers() { dig +time=1 +tries=1 "@$1" . SOA | grep -q NOERROR; }
# resolver CONFIGURATION ADDRESS: starts it.
resolver() { "$out/unbound" -d -c "$out/dns/$1" >"$out/$1.log" 2>&1 & wait_for 30 answers "$2"; }
resolver unbound.conf 10.53.0.2
# ask RESOLVER TRUST KIND OWNER: the product's answer in one line.
ask() { timeout 60 "$build/tests/smoke/ask" "$@" 2>>"$out/ask.err" | tee -a "$out/ask.log" | sed 's/ |.*//'; }
answer() { ask 10.53.0.2 "$@"; }
gateway=192.1.1.5/10/1key

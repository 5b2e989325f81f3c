# What the story of `oegate dns verify` uses: zones with one fault each at nsd, twice (the second
# authority, 10.53.0.3, lags behind), and unbound (10.53.0.2) as the world's resolver. Sourced by it.
# shellcheck shell=bash disable=SC2154

ip addr add 10.53.0.1/32 dev lo
ip addr add 10.53.0.2/32 dev lo
ip addr add 10.53.0.3/32 dev lo
oegate=$build/controlplane/cli/oegate
for key in ours theirs; do "$oegate" key generate --bits 2048 --out "$out/$key.pem" >/dev/null; done
# records KEY GATEWAY HOST...: of these hosts alone.
records() {
    local key=$1 gateway=$2
    shift 2
    "$oegate" dns records --ttl 5 --key "$out/$key.pem" --gateway "$gateway" "$@" | grep -v '^5.1.1.192\|^9.1.1.192'
}
spec() {
    echo "minimum 5"
    echo "zone 0.2.192.in-addr.arpa. signed"
    echo "also 10.53.0.3"
    records ours 192.1.1.5 192.2.0.66
    records ours 192.1.1.9 192.2.0.68
    records theirs 192.1.1.5 192.2.0.69
    echo '70.0.2.192.in-addr.arpa. 5 IN TXT "X-IPsec-Server(10)=nonsense"'
    echo '71.0.2.192.in-addr.arpa. 5 IN TXT "X-IPsec-Server(10)=192.1.1.5"'
    [ "$1" = before ] || records ours 192.1.1.5 192.2.0.67
    echo "zone 1.1.192.in-addr.arpa. signed"
    "$oegate" dns records --ttl 5 --key "$out/ours.pem" --gateway 192.1.1.5
    echo "zone 0.3.192.in-addr.arpa. unsigned"
    records ours 192.1.1.5 192.3.0.66
    echo "zone 0.4.192.in-addr.arpa. signed"
    records ours 192.1.1.5 192.4.0.66
    printf 'tamper 66.0.4.192.in-addr.arpa. %s 192.1.1.5 192.1.1.6\n' IPSECKEY TXT
    echo "zone 0.5.192.in-addr.arpa. lame"
}
zones() { spec "$1" >"$out/spec" && "$root/scripts/zones" "$out/dns" 10.53.0.1 10.53.0.2 <"$out/spec"; }
# The second authority has a copy of its own, and so may lag.
copy() { mkdir -p "$out/dns2" && cp "$out"/dns/*.zone* "$out/dns2/"; }

zones before
copy
sed "s#10.53.0.1#10.53.0.3#; s#$out/dns#$out/dns2#g" "$out/dns/nsd.conf" >"$out/dns2/nsd.conf"
# Serials are seconds: the next one must be later.
serial() { awk '/ SOA / { print $7; exit }' "$out/dns/0.2.192.in-addr.arpa.zone"; }
later() { [ "$(date +%s)" -gt "$(serial)" ]; }
wait_for 30 later
zones after
nsd -d -c "$out/dns/nsd.conf" >"$out/nsd.log" 2>&1 &
nsd -d -c "$out/dns2/nsd.conf" >"$out/nsd2.log" 2>&1 & second=$!
cp "$(command -v unbound)" "$out/unbound"
"$out/unbound" -d -c "$out/dns/unbound.conf" >"$out/unbound.log" 2>&1 &
wait_for 30 sh -c "dig +time=1 +tries=1 @10.53.0.2 . SOA | grep -q NOERROR"
wait_for 30 sh -c "dig +time=1 +tries=1 @10.53.0.3 . SOA | grep -q NOERROR"

verify() {
    "$oegate" --json dns verify --gateway 192.1.1.5 --key "$out/ours.pem" --resolver 10.53.0.2 "$@" >"$out/verify.json"
}
# verdict NAME WHERE: of that server in the last answer.
verdict() { jq -r ".verdicts[] | select(.owner == \"$1\" and (.where | contains(\"$2\"))) | .verdict" "$out/verify.json"; }
# status_of CMD...: its exit status.
status_of() { local status=0; "$@" || status=$?; echo $status; }

# `oegate dns verify` against zones with one fault each: nsd twice (the second authority
# lags behind), unbound as the world's resolver. Every verdict, what to publish instead,
# and that what it says then verifies.
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

status=0
verify 192.2.0.66 || status=$?
expect "all is right: exit status" 0 "$status"
expect "a right host, resolver" ok "$(verdict 192.2.0.66 resolver)"
expect "a right host, authorities" "ok ok" "$(verdict 192.2.0.66 authority | paste -sd' ')"
expect "the gateway's own name" ok "$(verdict 192.1.1.5 resolver)"
status=0
verify 192.2.0.66 192.2.0.67 192.2.0.68 192.2.0.69 192.2.0.70 192.2.0.71 192.2.0.72 192.3.0.66 192.4.0.66 192.5.0.66 ||
    status=$?
expect "something is wrong: exit status" 7 "$status"
expect "new at the first authority" ok "$(verdict 192.2.0.67 10.53.0.1)"
expect "the second has an older zone" stale "$(verdict 192.2.0.67 10.53.0.3)"
expect "another gateway" "wrong gateway" "$(verdict 192.2.0.68 10.53.0.1)"
expect "another's key" "wrong key" "$(verdict 192.2.0.69 10.53.0.1)"
expect "malformed" malformed "$(verdict 192.2.0.70 10.53.0.1)"
expect "without a key, which is at the gateway's name" ok "$(verdict 192.2.0.71 10.53.0.1)"
expect "no record" missing "$(verdict 192.2.0.72 10.53.0.1)"
expect "unsigned, at its authority" unsigned "$(verdict 192.3.0.66 10.53.0.1)"
expect "unsigned, to the world" unsigned "$(verdict 192.3.0.66 resolver)"
expect "tampered" bogus "$(verdict 192.4.0.66 resolver)"
expect "lame" unreachable "$(verdict 192.5.0.66 resolver)"
# What it says to publish is what `dns records` says.
jq -r '.verdicts[] | select(.owner == "192.2.0.72" and (.where | contains("10.53.0.1"))) | .publish[]' "$out/verify.json" >"$out/instead"
records ours 192.1.1.5 192.2.0.72 | sed 's/ 5 IN/ 3600 IN/' >"$out/expected"
expect_ok "what to publish instead" cmp "$out/instead" "$out/expected"

kill $second
wait $second 2>/dev/null || true
verify 192.2.0.66 || true
expect "an authority that is down" unreachable "$(verdict 192.2.0.66 10.53.0.3)"
status=0
verify --ignore-authority 10.53.0.3 192.2.0.66 || status=$?
expect "and is ignored" 0 "$status"
status=0
"$oegate" dns verify --gateway 192.1.1.5 --key "$out/ours.pem" --resolver nowhere 192.2.0.66 2>"$out/err" || status=$?
expect "no resolver: usage" 2 "$status"
grep -h '' "$out/err"
"$oegate" dns verify --gateway 192.1.1.5 --key "$out/ours.pem" --resolver 10.53.0.2 192.2.0.67 || true
expect_ok "no private key is printed" sh -c "! grep -q PRIVATE '$out/verify.json'"

# a signed reverse zone of ip6.arpa at three authorities, nsd twice and named, all asked
# over IPv6: what the world sees, one that lags, one that is down; and the gateway's own
# questions with validation of its own
# shellcheck shell=bash disable=SC2154
for n in 1 2 3 4; do ip addr add 2001:db8:53::$n/128 dev lo; done
oegate=$build/controlplane/cli/oegate zone=b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa bob=2001:db8:b::66 carol=2001:db8:b::67
"$oegate" key generate --bits 2048 --out "$out/key.pem" >/dev/null
records() { "$oegate" dns records --ttl 5 --key "$out/key.pem" --gateway 2001:db8:1::5 "$@"; }
zones() {
    {
        printf 'minimum 5\nzone ip6.arpa. signed\nzone %s. nsec3\nalso 2001:db8:53::3\nalso 2001:db8:53::4\n' $zone
        records "$@" | grep -F $zone
        echo "zone 1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. signed" && records
    } >"$out/spec" && "$root/scripts/zones" "$out/dns" 2001:db8:53::1 2001:db8:53::2 <"$out/spec"
}
serial_made() { awk '/ SOA / { print $7; exit }' "$out/dns/$zone.zone"; }
serial_is() { [ "$(dig +short +time=1 +tries=1 "@2001:db8:53::$1" $zone SOA | cut -d' ' -f3)" = "$2" ]; }
verify() { "$oegate" --json dns verify --gateway 2001:db8:1::5 --key "$out/key.pem" --resolver 2001:db8:53::2 "$@" >"$out/verify.json"; }
# verdicts HOST WHERE: of the servers whose place holds WHERE, sorted.
verdicts() { jq -r ".verdicts[] | select(.owner == \"$1\" and (.where | contains(\"$2\"))) | .verdict" "$out/verify.json" | sort | paste -sd' '; }
ask() { "$build/tests/smoke/ask" 2001:db8:53::2 "$@" 2>>"$out/ask.err" | sed 's/ |.*//'; }

zones $bob
old=$(serial_made)
mkdir "$out/third" && cp "$out/dns/$zone.zone.signed" "$out/third/"
sed "s#2001:db8:53::1#2001:db8:53::3#; s#$out/dns/#$out/dns/3.#g; s#zonesdir.*#zonesdir: \"$out/dns\"#; s#xfrdir.*#xfrdir: \"$out/dns\"#" "$out/dns/nsd.conf" >"$out/second.conf"
printf 'options { directory "%s"; listen-on { none; }; listen-on-v6 { 2001:db8:53::4; }; recursion no; pid-file none; session-keyfile none; dnssec-validation no; };\ncontrols { };\nzone "%s" { type master; file "%s.zone.signed"; };\n' \
    "$out/third" $zone $zone >"$out/named.conf"
nsd -d -c "$out/dns/nsd.conf" >"$out/nsd.log" 2>&1 & first=$!
nsd -d -c "$out/second.conf" >"$out/nsd2.log" 2>&1 & second=$!
named -g -c "$out/named.conf" >"$out/named.log" 2>&1 &
cp "$(command -v unbound)" "$out/unbound" && "$out/unbound" -d -c "$out/dns/unbound.conf" >"$out/unbound.log" 2>&1 &
for n in 1 3 4; do wait_for 30 serial_is $n "$old"; done
wait_for 30 sh -c 'dig +time=1 +tries=1 @2001:db8:53::2 . SOA | grep -q NOERROR'

expect "verify: exit status" 0 "$(verify $bob && echo 0 || echo $?)"
expect "Bob at three authorities" "ok ok ok" "$(verdicts $bob authority)"
expect "Bob through the resolver, signed" "ok" "$(verdicts $bob resolver)"
expect "the gateway, own validation" "usable secure 2001:db8:1::5/10/1key" "$(ask own:"$out/dns/root.key" delegation $bob)"
expect "its key" "usable secure 1key" "$(ask own:"$out/dns/root.key" keys 2001:db8:1::5)"
expect "a host without records, denied by NSEC3" "none secure" "$(ask own:"$out/dns/root.key" delegation $carol)"

later() { [ "$(date +%s)" -gt "$old" ]; }
wait_for 30 later && zones $bob $carol
kill -HUP $first $second
for n in 1 3; do wait_for 30 serial_is $n "$(serial_made)"; done
expect "named has the old zone: exit status" 7 "$(verify $carol && echo 0 || echo $?)"
expect "Carol there, and at the others" "stale ok ok" "$(for n in 4 1 3; do verdicts $carol 2001:db8:53::$n; done | paste -sd' ')"
kill $second && wait $second 2>/dev/null || true
verify $bob || true
expect "the second is down, the rest is well" "unreachable ok ok" \
    "$(for n in 3 1 4; do verdicts $bob 2001:db8:53::$n; done | paste -sd' ')"
expect "two are ignored: exit status" 0 "$(verify --ignore-authority 2001:db8:53::3 --ignore-authority 2001:db8:53::4 $bob && echo 0 || echo $?)"

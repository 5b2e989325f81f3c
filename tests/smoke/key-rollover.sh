# sg-b changes its key while alice pings bob, and no ping is lost: published at one
# authority and at the other, refused until caches have forgotten, activated, retired.
# Bob's zone has two authorities; the second one lags. What is published is what
# `oegate key rollover` prints.
# shellcheck shell=bash disable=SC2154,SC2086
. "$root/tests/smoke/lab.sh"

config=$lab/sg-b/oegate.yaml key=$lab/keys/sg-b.pem
rollover() { at sg-b "$build/controlplane/cli/oegate" --json key rollover "$@" --config "$config" >"$out/rollover.json" 2>>"$out/rollover.err"; }
verify() { at sg-b "$build/controlplane/cli/oegate" dns verify --config "$config" >"$out/verify"; }
row() { jq -r .row "$out/rollover.json"; }
# status_of CMD...: its exit status.
status_of() { local status=0; "$@" || status=$?; echo $status; }

# respec RECORDS: the zones with these records in place of what their owners had.
respec() {
    awk -v records="$1" '
        BEGIN { while ((getline line < records) > 0) { split(line, w, " "); owner[w[1]] = 1; all[++n] = line } }
        $1 == "zone" {
            print
            if ($2 == "0.2.192.in-addr.arpa.") print "also 10.53.0.3"
            for (i = 1; i <= n; i++) { split(all[i], w, " ")
                if (substr(w[1], length(w[1]) - length($2)) == "." $2) print all[i] }
            next
        }
        $1 == "also" || ($1 in owner) { next }
        { print }' "$lab/zones.spec" >"$out/spec" && cp "$out/spec" "$lab/zones.spec"
    { grep -q '^minimum' "$lab/zones.spec" || echo "minimum 5"; cat "$lab/zones.spec"; } >"$out/spec"
    "$root/scripts/zones" "$lab/dns" 10.53.0.1 10.53.0.2 <"$out/spec"
}
reread() { kill -HUP "$(cat "$1")"; }
serial_at() { at dns dig +short +time=1 +tries=1 "@$1" 0.2.192.in-addr.arpa. SOA | cut -d' ' -f3; }
serial_is() { [ "$(serial_at "$1")" = "$2" ]; }
serial_made() { awk '$1 == "0.2.192.in-addr.arpa." && /SOA/ { print $7; exit }' "$lab/dns/0.2.192.in-addr.arpa.zone"; }
# Serials are seconds.
serial_is_past() { [ "$(date +%s)" -gt "$(serial_made)" ]; }
publish_first() { wait_for 30 serial_is_past; respec "$1"; reread "$lab/nsd.pid"; wait_for 10 serial_is 10.53.0.1 "$(serial_made)"; }
publish_second() { cp "$lab"/dns/*.zone* "$lab/dns2/"; reread "$lab/nsd2.pid"; wait_for 30 serial_is 10.53.0.3 "$(serial_made)"; }
records() { jq -r '.records[]' "$out/rollover.json"; }

# A second authority, and TTLs of seconds.
ip -n oe-dns addr add 10.53.0.3/24 dev mgmt
printf 'publication:\n  hosts: [192.2.0.66/31, "2001:db8:b::66"]\n' >>"$config"
{
    "$build/controlplane/cli/oegate" dns records --ttl 5 --key "$key" --gateway 192.1.1.5 192.2.0.66 192.2.0.67
    "$build/controlplane/cli/oegate" dns records --ttl 5 --key "$key" --gateway 2001:db8:1::5 2001:db8:b::66
} >"$out/old-records"
publish_first "$out/old-records"
mkdir -p "$lab/dns2"
cp "$lab"/dns/*.zone* "$lab/dns2/"
sed "s#10.53.0.1#10.53.0.3#; s#$lab/dns#$lab/dns2#g" "$lab/dns/nsd.conf" >"$lab/dns2/nsd.conf"
ip netns exec oe-dns nsd -d -c "$lab/dns2/nsd.conf" >"$lab/nsd2.log" 2>&1 &
echo $! >"$lab/nsd2.pid"
wait_for 30 serial_is 10.53.0.3 "$(serial_made)"
expect "before: what the world sees" 0 "$(status_of verify)"
cat "$out/verify"

# Keyed first: of several pings in a hold only the first and the last survive.
for bob in 192.2.0.66 2001:db8:b::66; do ping_from alice $bob 1 >"$out/first"; done
ip netns exec oe-alice ping -n -i 0.1 192.2.0.66 >"$out/ping4" 2>&1 & pinger4=$!
ip netns exec oe-alice ping -n -i 0.1 2001:db8:b::66 >"$out/ping6" 2>&1 & pinger6=$!
for n in 4 6; do wait_for 30 grep -q 'icmp_seq=5 ' "$out/ping$n"; done
old=$(openssl pkey -in "$key" -pubout 2>/dev/null)

expect "start" "0 start.new" "$(status_of rollover start --bits 2048 --ttl 5) $(row)"
expect "mode of the new key" 600 "$(stat -c %a "$key.next")"
records >"$out/both"
expect "nothing is published: refused" "7 activate.missing" "$(status_of rollover activate) $(row)"
publish_first "$out/both"
expect "one authority lags: refused" "7 activate.missing" "$(status_of rollover activate) $(row)"
expect "and is named" 10.53.0.3 "$(jq -r '[.missing[].authority] | unique[]' "$out/rollover.json" | sed 's/.* //' | sort -u | paste -sd' ')"
expect "the key in use" same "$([ "$(openssl pkey -in "$key" -pubout)" = "$old" ] && echo same)"
publish_second
expect "caches may hold the old records: refused" "7 activate.early" "$(status_of rollover activate) $(row)"
activated() { rollover activate; }
wait_for 30 activated || true
expect "activated" "activate.now active" "$(row) $(jq -r .state "$out/rollover.json")"
expect "the daemon has it" 1 "$(grep -c 'key reload: signing with the RSA key' "$lab/sg-b.log")"
expect "another key is in its place" other "$([ "$(openssl pkey -in "$key" -pubout)" != "$old" ] && echo other)"

expect "the old key is still published: refused" "7 retire.old-there" "$(status_of rollover retire --ttl 5) $(row)"
records >"$out/new-records"
publish_first "$out/new-records"
publish_second
retired() { rollover retire; }
expect "caches may hold it: refused" "7 retire.old-cached" "$(status_of rollover retire) $(row)"
wait_for 30 retired || true
expect "retired" "retire.now retired" "$(row) $(jq -r .state "$out/rollover.json")"
expect "the old key's file" gone "$([ -e "$key.old" ] || echo gone)"

# Of those up to the last that was answered: one may be on its way when ping is stopped.
answered() { sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' "$out/ping$1" | sort -un; }
lost() { answered "$1" | awk '{ last = $1 } END { print last - NR }'; }
went_on() { [ "$(answered "$1" | tail -1)" -gt "$2" ]; }
for n in 4 6; do expect_ok "pings go on, IPv$n" wait_for 30 went_on $n $(($(answered $n | tail -1) + 5)); done
kill -INT $pinger4 $pinger6
wait $pinger4 $pinger6 || true
for n in 4 6; do
    tail -3 "$out/ping$n"
    expect "pings lost, IPv$n" 0 "$(lost $n)"
done

# Only the new key is in DNS now: whoever comes anew is authenticated by it.
"$root/scripts/lab" restart sg-a >/dev/null
for hosts in "192.1.0.65 192.2.0.66" "2001:db8:a::65 2001:db8:b::66"; do
    expect "a stranger keys ${hosts#* } by the new key" "1 2 3" "$(ping_from alice "${hosts#* }" 3)"
    expect "state of the flow" encrypt "$(flow sg-a $hosts state)"
done
expect "after: what the world sees" 0 "$(status_of verify)"
expect "no private key was printed" 0 "$(cat "$out"/rollover.* "$out/verify" | grep -c PRIVATE)"

# What the story of key rollover uses: sg-b's publication by two authorities of Bob's zone, the
# second of which lags until it is told, and TTLs of seconds; and pings that go on meanwhile.
# Sourced by it, once the lab is up.
# shellcheck shell=bash disable=SC2154

config=$lab/sg-b/oegate.yaml key=$lab/keys/sg-b.pem
rollover() { at sg-b "$build/controlplane/cli/oegate" --json key rollover "$@" --config "$config" >"$out/rollover.json" 2>>"$out/rollover.err"; }
verify() { at sg-b "$build/controlplane/cli/oegate" dns verify --config "$config" >"$out/verify"; }
# finally VERB: its row and state, once it is not refused any more.
finally() { wait_for 30 rollover "$1" || true; echo "$(row) $(jq -r .state "$out/rollover.json")"; }
public() { openssl pkey -in "$key" -pubout; }
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
printf 'publication:\n  hosts: [192.2.0.66/31, "2001:db8:b::66/127"]\n' >>"$config"
{
    "$build/controlplane/cli/oegate" dns records --ttl 5 --key "$key" --gateway 192.1.1.5 192.2.0.66 192.2.0.67
    "$build/controlplane/cli/oegate" dns records --ttl 5 --key "$key" --gateway 2001:db8:1::5 2001:db8:b::66 2001:db8:b::67
} >"$out/old-records"
publish_first "$out/old-records"
mkdir -p "$lab/dns2"
cp "$lab"/dns/*.zone* "$lab/dns2/"
sed "s#10.53.0.1#10.53.0.3#; s#$lab/dns#$lab/dns2#g" "$lab/dns/nsd.conf" >"$lab/dns2/nsd.conf"
ip netns exec oe-dns nsd -d -c "$lab/dns2/nsd.conf" >"$lab/nsd2.log" 2>&1 &
echo $! >"$lab/nsd2.pid"
wait_for 30 serial_is 10.53.0.3 "$(serial_made)"

# Keyed first: of several pings in a hold only the first and the last survive.
begin_pings() {
    local n bob
    for bob in 192.2.0.66 2001:db8:b::66; do ping_from alice $bob 1 >"$out/first"; done
    ip netns exec oe-alice ping -n -i 0.1 192.2.0.66 >"$out/ping4" 2>&1 & pingers=$!
    ip netns exec oe-alice ping -n -i 0.1 2001:db8:b::66 >"$out/ping6" 2>&1 & pingers+=" $!"
    for n in 4 6; do wait_for 30 went_on $n 5; done
}
answered() { sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' "$out/ping$1" | sort -un; }
went_on() { [ "$(answered "$1" | tail -1 | grep . || echo 0)" -gt "$2" ]; }
# lost 4|6: of those up to the last that was answered; one may be on its way when ping is stopped.
lost() { answered "$1" | awk '{ last = $1 } END { print last - NR }'; }
end_pings() {
    local n
    stopped=""
    for n in 4 6; do wait_for 30 went_on $n $(($(answered $n | tail -1) + 5)) || stopped+=" IPv$n"; done
    kill -INT $pingers
    wait $pingers || true
    expect "pings that have stopped" "" "$stopped"
}

# the ledger of clear text, against the wire: for each reason the flows, datagrams and bytes that left, in both families
#
#   alice .65 ── sg-a ═╤══ Internet ──── carol .67 none, .69 always-clear-text, .70 oe-accept-only
#                      │                 192.4.0.70 lame, 192.7.0.70 unsigned, 192.3.0.68 gateway silent
#                      └─ internet.pcap  bob .66: encrypted, in no line
# shellcheck shell=bash disable=SC2154
plan_addresses() {
    address carol eth0 192.1.1.69/24 192.1.1.70/24 2001:db8:1::69/64 2001:db8:1::70/64
    address internet lo 192.7.0.70/32 192.3.0.68/32 2001:db9:4::70/128 2001:db9:7::70/128 2001:db9:3::68/128
    ip -n "$(ns internet)" route del 192.3.0.0/24
}
plan_records() { published sg-d 192.1.1.9 192.7.0.70 && published sg-d 2001:db8:1::9 2001:db9:7::70 && published sg-d 2001:db8:1::6 2001:db9:3::68; }
plan_zones() {
    local zone
    for zone in "0.7.192.in-addr.arpa. unsigned" "4.0.0.0.9.b.d.0.1.0.0.2.ip6.arpa. lame" \
        "7.0.0.0.9.b.d.0.1.0.0.2.ip6.arpa. unsigned" "3.0.0.0.9.b.d.0.1.0.0.2.ip6.arpa. signed"; do
        echo "zone $zone" && { grep -F ".${zone% *} " "$lab/records" || true; }
    done
}
plan_config() {
    sed 's#^classes:#&\n  - {class: always-clear-text, destinations: [192.1.1.69/32, "2001:db8:1::69/128"]}\n  - {class: oe-accept-only, destinations: [192.1.1.70/32, "2001:db8:1::70/128"]}#
        s#^dns:#&\n  timeout: 3s#; $a timers: {gateway: 2s, retransmit: 200ms}'
}
export -f plan_addresses plan_records plan_zones plan_config
. "$root/tests/smoke/lab.sh"
# How many datagrams to each, and how long: no two alike.
count=1
sent() { at alice ping -n -q -i 0.05 -W 8 -c "$2" -s "$3" "$1" >/dev/null || true; }
targets=(192.2.0.66 192.1.1.67 192.1.1.69 192.1.1.70 192.4.0.70 192.7.0.70 192.3.0.68
    2001:db8:b::66 2001:db8:1::67 2001:db8:1::69 2001:db8:1::70 2001:db9:4::70 2001:db9:7::70 2001:db9:3::68)
pings=()
for target in "${targets[@]}"; do
    # Those that are held at first: only the first and the last of what waits leave.
    sent "$target" $((10 + count)) $((40 + 4 * count)) & pings+=($!)
    count=$((count + 1))
done
for ping in "${pings[@]}"; do wait "$ping"; done
settled() { whole sg-a show flows | jq -e '[.flows[] | select(.state == "hold")] | length == 0'; }
expect_ok "nothing is held any more" wait_for 30 settled
# reason_of TARGET: why it went in the clear, or "none": it is encrypted; a class without a flow has its own name.
reason_of() {
    local source=192.1.0.65
    [ "${1/:/}" = "$1" ] || source=2001:db8:a::65
    case $1 in
        *69) echo always-clear-text ;;
        *) [ "$(flow sg-a $source "$1" state)" = pass ] && flow sg-a $source "$1" reason || echo none ;;
    esac
}
for target in "${targets[@]}"; do echo "$target $(reason_of "$target")"; done >"$out/reasons"
expect "reasons" "always-clear-text g.silence n.accept-only none p.dnsfail p.none p.unusable" "$(awk '{print $2}' "$out/reasons" | sort -u | xargs)"
# Final counts: a flow that ends is in the ledger at once.
while read -r target reason; do
    case $target in *:*) source=2001:db8:a::65 ;; *) source=192.1.0.65 ;; esac
    [ "$reason" = always-clear-text ] || gate sg-a flow clear $source "$target" >/dev/null
done <"$out/reasons"
# on_the_wire: "target datagrams bytes" of what Alice sent in the clear, by IP length.
on_the_wire() {
    tshark -n -r "$lab/capture/internet.pcap" -Y 'ip.src == 192.1.0.65 || ipv6.src == 2001:db8:a::65' \
        -T fields -e ip.dst -e ipv6.dst -e ip.len -e ipv6.plen 2>/dev/null |
        awk -F'\t' '{ to = $1 $2; n[to]++; bytes[to] += $3 != "" ? $3 : $4 + 40 } END { for (to in n) print to, n[to], bytes[to] }'
}
expected() {
    on_the_wire | sort >"$out/wire"
    sort "$out/reasons" | join - "$out/wire" |
        awk '{ flows[$2]++; n[$2] += $3; bytes[$2] += $4 } END { for (r in n) print r, r == "always-clear-text" ? "null" : flows[r], n[r], bytes[r] }' | sort
}
ledger() { gate sg-a --json show status | jq -r '.clear_ledger[] | "\(.reason) \(.flows) \(.datagrams) \(.bytes)"' | sort; }
same() { [ "$(expected)" = "$(ledger)" ]; }
wait_for 30 same || true
expect "encrypted ones on the wire in the clear" 0 "$(on_the_wire | grep -c '^192.2.0.66 \|^2001:db8:b::66 ' || true)"
expect "lines of the ledger" 6 "$(ledger | wc -l)"
paste -d'\n' <(expected) <(ledger) | while read -r wire && read -r told; do echo "$wire|$told"; done >"$out/lines"
while IFS='|' read -r wire told; do expect "reason, flows, datagrams, bytes" "$wire" "$told"; done <"$out/lines"
show gate sg-a show status

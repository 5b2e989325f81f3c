# the ledger of clear text, against the wire: for each reason the flows, datagrams and bytes that left, in both families
#
#   alice .65 ── sg-a ═╤══ Internet ──── carol .67 none, .69 always-clear-text, .70 oe-accept-only
#                      │                 192.4.0.70 lame, 192.7.0.70 unsigned, 192.3.0.68 gateway silent
#                      └─ internet.pcap  bob .66: encrypted, in no line
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/clear-hosts.sh"
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
for target in "${targets[@]}"; do echo "$target $(reason_of "$target")"; done >"$out/reasons"
expect "reasons" "always-clear-text g.silence n.accept-only none p.dnsfail p.none p.unusable" "$(awk '{print $2}' "$out/reasons" | sort -u | xargs)"
# Final counts: a flow that ends is in the ledger at once.
while read -r target reason; do
    [ "$reason" = always-clear-text ] || gate sg-a flow clear "$(source_of "$target")" "$target" >/dev/null
done <"$out/reasons"
same() { [ "$(expected)" = "$(ledger)" ]; }
wait_for 30 same || true
expect "encrypted ones on the wire in the clear" 0 "$(on_the_wire | grep -c '^192.2.0.66 \|^2001:db8:b::66 ' || true)"
expect "lines of the ledger" 6 "$(ledger | wc -l)"
paste -d'\n' <(expected) <(ledger) | while read -r wire && read -r told; do echo "$wire|$told"; done >"$out/lines"
while IFS='|' read -r wire told; do expect "reason, flows, datagrams, bytes" "$wire" "$told"; done <"$out/lines"
show gate sg-a show status

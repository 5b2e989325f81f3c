# What the story of the ledger uses: the lab with hosts that are reached in the clear for every
# reason there is, and both sides of the account: what the wire carried, what oegate tells. Sourced by it.
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
        s#^dns:#&\n  timeout: 3s#; $a timers: {gateway: 5s, retransmit: 200ms}'
}
export -f plan_addresses plan_records plan_zones plan_config
. "$root/tests/smoke/lab.sh"

source_of() { case $1 in *:*) echo 2001:db8:a::65 ;; *) echo 192.1.0.65 ;; esac; }
# reason_of TARGET: why it went in the clear, or "none": it is encrypted; a class without a flow has its own name.
reason_of() {
    local source
    source=$(source_of "$1")
    case $1 in
        *69) echo always-clear-text ;;
        *) [ "$(flow sg-a "$source" "$1" state)" = pass ] && flow sg-a "$source" "$1" reason || echo none ;;
    esac
}
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

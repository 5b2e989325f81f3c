# Carol's other addresses are in an oe-paranoid class: without a gateway she is refused
#
#   alice ── sg-a ─ ✕  Internet ──── carol 192.1.1.68, 2001:db8:1::68
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"

while read -r alice carol; do
    expect "$carol answered" "" "$(no_answer alice "$carol" 3)"
    expect "state and reason of the flow" "deny p.none" "$(flow sg-a "$alice" "$carol" state) $(flow sg-a "$alice" "$carol" reason)"
    expect "class" oe-paranoid "$(gate sg-a --json explain "$alice" "$carol" | jq -r .class)"
    expect "datagrams to her on the wire" 0 "$(tcpdump -nr "$lab/capture/internet.pcap" "host $alice and host $carol" 2>/dev/null | wc -l)"
    show gate sg-a explain "$alice" "$carol"
done <<<"192.1.0.65 192.1.1.68
2001:db8:a::65 2001:db8:1::68"

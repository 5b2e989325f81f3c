# between the gateways there is only ESP and IKE; a planted secret is in the decrypted inside only
#
#   alice ── sg-a ═╤══ Internet ════ sg-b ── bob      tshark, given the SA's keys,
#                  └─ internet.pcap                   is the independent witness
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
wire=$lab/capture/internet.pcap
pairs='(ip.addr == 192.1.0.65 && ip.addr == 192.2.0.66)'
secret=$(random_pattern) carols=$(random_pattern)
on_the_wire() { xxd -p "$wire" | tr -d '\n' | grep -c "$1" || true; }
decrypted() {
    local sas=() line
    while read -r line; do sas+=(-o "uat:esp_sa:$line"); done < <(grep '^"IPv' "$lab/sg-a/keys.log")
    tshark -n -r "$wire" -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \
        "${sas[@]}" "$@" 2>/dev/null
}
captured() { [ "$(on_the_wire "$carols")" -gt 0 ]; }

expect "pings to Bob with the secret answered" "1 2 3" "$(ping_from alice 192.2.0.66 3 -p "$secret")"
expect "pings to Carol answered" "1 2 3" "$(ping_from alice 192.1.1.67 3 -p "$carols")"
wait_for 5 captured
expect "clear datagrams of Alice and Bob on the wire" 0 "$(tshark -n -r "$wire" -Y "$pairs" 2>/dev/null | wc -l)"
expect "frames between the gateways that are neither ESP, IKE nor ARP" 0 \
    "$(tshark -n -r "$wire" -Y 'ip.addr == 192.1.1.4 && ip.addr == 192.1.1.5 && !esp && !(udp.port == 500) && !arp' 2>/dev/null | wc -l)"
expect "echo requests and replies with the secret inside ESP" 6 \
    "$(decrypted -Y "esp && icmp && data.data contains $(sed 's/../&:/g;s/:$//' <<<"$secret")" | wc -l)"
expect "ESP packets of the pair whose ICV tshark does not find right" 0 "$(decrypted -Y 'esp && !(esp.icv_good == 1)' | wc -l)"
expect "secret on the wire" no "$([ "$(on_the_wire "$secret")" = 0 ] && echo no || echo yes)"
expect "Carol's on the wire (negative control)" yes "$(captured && echo yes || echo no)"

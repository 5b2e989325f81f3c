# between the gateways there is only ESP and IKE; a planted secret is in the decrypted inside only
#
#   alice ── sg-a ═╤══ Internet ════ sg-b ── bob      tshark, given the SA's keys,
#                  └─ internet.pcap                   is the independent witness
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
wire=$lab/capture/internet.pcap
secret=$(random_pattern) carols=$(random_pattern)
# wrote FILTER: how many frames of the capture it is true of.
wrote() { tshark -n -r "$wire" -Y "$1" 2>/dev/null | wc -l; }
on_the_wire() { xxd -p "$wire" | tr -d '\n' | grep -c "$1" || true; }
decrypted() {
    local sas=() line
    while read -r line; do sas+=(-o "uat:esp_sa:$line"); done < <(grep '^"IPv' "$lab/sg-a/keys.log")
    tshark -n -r "$wire" -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \
        "${sas[@]}" "$@" 2>/dev/null
}
hosts="ip 192.1.0.65 192.2.0.66 192.1.1.67 192.1.1.4 192.1.1.5 arp icmp
ipv6 2001:db8:a::65 2001:db8:b::66 2001:db8:1::67 2001:db8:1::4 2001:db8:1::5 icmpv6.type==135||icmpv6.type==136 icmpv6"

while read -r ip alice bob carol _; do
    expect "pings to $bob with the secret answered" "1 2 3" "$(ping_from alice "$bob" 3 -p "$secret")"
    expect "pings to $carol answered" "1 2 3" "$(ping_from alice "$carol" 3 -p "$carols")"
    all_captured() { [ "$(wrote "$ip.src == $carol && $ip.dst == $alice")" -ge 3 ]; }
    wait_for 30 all_captured || true
done <<<"$hosts"
while read -r ip alice bob carol sga sgb neighbours echo; do
    expect "clear datagrams of $alice and $bob on the wire" 0 "$(wrote "$ip.addr == $alice && $ip.addr == $bob")"
    expect "and with Carol (negative control)" 6 "$(wrote "$ip.addr == $alice && $ip.addr == $carol")"
    expect "frames between the gateways that are neither ESP, IKE nor of their neighbourhood" 0 \
        "$(wrote "$ip.addr == $sga && $ip.addr == $sgb && !esp && !(udp.port == 500) && !($neighbours)")"
    expect "echo requests and replies with the secret inside ESP" 6 \
        "$(decrypted -Y "esp && $echo && data.data contains $(sed 's/../&:/g;s/:$//' <<<"$secret")" | wc -l)"
done <<<"$hosts"
expect "ESP packets whose ICV tshark does not find right" 0 "$(decrypted -Y 'esp && !(esp.icv_good == 1)' | wc -l)"
expect "secret on the wire" no "$([ "$(on_the_wire "$secret")" = 0 ] && echo no || echo yes)"
expect "Carol's on the wire (negative control)" yes "$([ "$(on_the_wire "$carols")" = 0 ] && echo no || echo yes)"

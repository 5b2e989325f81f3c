# Every ESP suite that the Linux kernel has too, with static keys, both directions, with
# 64-bit sequence numbers, in UDP, and over IPv6
#
#   alice ── sg ════ oe-dave (User-Mode Linux, kernel ESP)
# shellcheck shell=bash disable=SC2154
. "$root/tests/interop/uml.sh"

esp_lab

# SLOT ALICE DAVE SUITE ESN UDP OUTER: each suite with ESN and without, then its forms.
mkdir -p "$out/dave"
slot=0
row() {
    if [ "$1" = 4 ]; then
        echo "$slot 192.1.0.65 192.3.0.$((slot + 1)) $2 $3 $4 $5"
    else
        echo "$slot 2001:db8:a::65 2001:db8:d::$((slot + 1)) $2 $3 $4 $5"
    fi
    slot=$((slot + 1))
}
{
    for suite in aes128-gcm16 aes256-gcm16 chacha20-poly1305 aes128-sha1 aes256-sha1 aes128-sha256 \
        aes256-sha256 aes128-sha384 aes256-sha384 aes128-sha512 aes256-sha512 null-sha1 null-sha256 \
        null-sha384 null-sha512 3des-md5 3des-sha1; do
        row 4 $suite 0 0 4
        row 4 $suite 1 0 4
    done
    for suite in aes128-gcm16 aes256-sha512; do
        for esn in 0 1; do
            row 4 $suite $esn 1 4
            row 6 $suite $esn 1 4
            row 4 $suite $esn 0 6
            row 6 $suite $esn 0 6
        done
    done
} >"$out/dave/tunnels"

boot dave eth0 "$root/tests/interop/esp-uml-suites-setup.sh"
expect "states that the peer's kernel has" "$((2 * $(wc -l <"$out/dave/tunnels")))" \
    "$(guest 90 'ip xfrm state count' | grep -o '[0-9]*' | head -1)"
static_gateway "$out/dave/tunnels"

from_alice() { ip netns exec alice ping -n -i 0.02 -W 10 -c 2 "$@" | answered; }

# She learns the inner MTU.
learned() { [ "$(from_alice -W 1 -s 4000 "$1")" = "1 2" ]; }

# The guest's pings are one command: a guest answers slowly. 4000 bytes are cut after
# encryption by the kernel, in UDP and over IPv6 too.
guest 90 'while read -r slot alice dave suite esn udp outer; do
    for size in 801 4000; do
        [ $size = 4000 ] && [ $udp$outer = 04 ] && continue
        [ $size = 4000 ] && ping -n -W 1 -c 1 -s $size -I $dave $alice >/dev/null # Alice learns the inner MTU
        echo "$slot $size $(ping -n -i 0.02 -W 10 -c 2 -s $size -I $dave $alice | grep -c "bytes from")"
    done
done </mnt/out/tunnels' >"$out/from-dave"
while read -r slot _ dave suite esn udp outer; do
    form="$suite, ESN $esn, UDP $udp, IPv$outer outside, $dave"
    for size in 3 1201; do
        expect "Alice to Dave, $size bytes, $form" "1 2" "$(from_alice -s $size "$dave" || true)"
    done
    expect "Dave to Alice, 801 bytes, $form" "$slot 801 2" "$(grep "^$slot 801 " "$out/from-dave")"
    [ "$udp$outer" != 04 ] || continue
    wait_for 30 learned "$dave" || true
    expect "Alice to Dave, 4000 bytes, $form" "1 2" "$(from_alice -s 4000 "$dave" || true)"
    expect "Dave to Alice, 4000 bytes, $form" "$slot 4000 2" "$(grep "^$slot 4000 " "$out/from-dave")"
done <"$out/dave/tunnels"

expect "errors counted by the peer's kernel" "" "$(guest 90 "awk '\$2 > 0' /proc/net/xfrm_stat" | paste -sd' ')"
static_gateway_ends
expect "drops at the gateway" "" "$(grep ^drop "$out/gateway" | grep -v ' too_big \| ip_multicast ' | paste -sd';')"
expect "clear text of the inner pairs outside" 0 "$(on_wire 'host 192.1.0.65 or net 2001:db8:a::/64')"
expect_ok "packets in UDP outside" sh -c \
    "tcpdump -nr '$out/outside.pcap' udp port 4500 2>/dev/null | grep -q UDP-encap"
expect "fragments of UDP from the kernel" true \
    "$([ "$(on_wire 'ether src 02:00:00:00:0d:01 and proto 17 and ip[6:2] & 0x3fff != 0')" -gt 50 ] && echo true)"
expect "fragments of IPv6 from the kernel" true \
    "$([ "$(on_wire 'ether src 02:00:00:00:0d:01 and ip6[6] = 44')" -gt 50 ] && echo true)"
halt_guest

# Every ESP suite that the Linux kernel has too, with static keys, both directions, with
# 64-bit sequence numbers, in UDP, and over IPv6
#
#   alice ── sg ════ oe-dave (User-Mode Linux, kernel ESP)
# shellcheck shell=bash disable=SC2154
. "$root/tests/interop/uml.sh"

host alice
host sg
host oe-dave
wire alice eth0 sg inside
wire sg outside oe-dave eth0
ip -n alice link set eth0 address 02:00:00:00:00:65
ip -n sg link set inside address 02:00:00:00:0a:01
ip -n sg link set outside address 02:00:00:00:0a:04
ip -n alice addr add 192.1.0.65/24 dev eth0
ip -n alice addr add 2001:db8:a::65/64 dev eth0 nodad
ip -n alice neigh add 192.1.0.1 lladdr 02:00:00:00:0a:01 dev eth0 nud permanent
ip -n alice neigh add 2001:db8:a::1 lladdr 02:00:00:00:0a:01 dev eth0 nud permanent
ip -n alice route add default via 192.1.0.1
ip -n alice route add default via 2001:db8:a::1

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

ip netns exec oe-dave timeout 150 tcpdump -Un -i eth0 -w "$out/outside.pcap" 2>/dev/null &
boot dave eth0 "$root/tests/interop/esp-uml-suites-setup.sh"
expect "states that the peer's kernel has" "$((2 * $(wc -l <"$out/dave/tunnels")))" \
    "$(guest 10 'ip xfrm state count' | grep -o '[0-9]*' | head -1)"
mkfifo "$out/hold-open"
ip netns exec sg timeout 150 "$build/tests/interop/static_gateway" net_af_xdp0,iface=inside \
    net_af_xdp1,iface=outside 02:00:00:00:00:65 02:00:00:00:0d:01 "$out/dave/tunnels" \
    <"$out/hold-open" >"$out/gateway" 2>"$out/gateway.log" &
gateway=$!
exec 7>"$out/hold-open"
wait_for 20 grep -q ready "$out/gateway" || { cat "$out/gateway.log"; exit 1; }

answered() { sed -n 's/.*bytes from .*icmp_seq=\([0-9]*\) .*/\1/p' | paste -sd' '; }
from_alice() { ip netns exec alice ping -n -i 0.02 -W 2 -c 2 "$@" | answered; }

# The guest's pings are one command: a guest answers slowly.
guest 60 'while read -r slot alice dave rest; do
    echo "$slot $(ping -n -i 0.02 -W 2 -c 2 -s 801 -I $dave $alice | grep -c "bytes from")"
done </mnt/out/tunnels' >"$out/from-dave"
while read -r slot _ dave suite esn udp outer; do
    form="$suite, ESN $esn, UDP $udp, IPv$outer outside, $dave"
    for size in 3 1201; do
        expect "Alice to Dave, $size bytes, $form" "1 2" "$(from_alice -s $size "$dave" || true)"
    done
    expect "Dave to Alice, $form" "$slot 2" "$(grep "^$slot " "$out/from-dave")"
done <"$out/dave/tunnels"

expect "errors counted by the peer's kernel" "" "$(guest 10 "awk '\$2 > 0' /proc/net/xfrm_stat" | paste -sd' ')"
exec 7>&-
wait $gateway || true
expect "the gateway ended by itself" 2 "$(grep -c transmitted "$out/gateway")"
expect "drops at the gateway" "" "$(grep ^drop "$out/gateway" | grep -v ' ip_multicast ' | paste -sd';')"
expect "clear text of the inner pairs outside" 0 \
    "$(tcpdump -nr "$out/outside.pcap" 'host 192.1.0.65 or net 2001:db8:a::/64' 2>/dev/null | wc -l)"
expect_ok "packets in UDP outside" sh -c \
    "tcpdump -nr '$out/outside.pcap' udp port 4500 2>/dev/null | grep -q UDP-encap"
halt_guest

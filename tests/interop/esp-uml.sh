# ESP with static keys between the data plane and the Linux kernel, both directions:
# AES-128 and AES-256-GCM, IPv4 and IPv6 inside IPv4, sizes up to several fragments
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

ip netns exec oe-dave timeout 150 tcpdump -Un -i eth0 -w "$out/outside.pcap" 2>/dev/null &
boot dave eth0 "$root/tests/interop/esp-uml-setup.sh"
mkfifo "$out/hold-open"
ip netns exec sg timeout 150 "$build/tests/interop/static_gateway" net_af_xdp0,iface=inside \
    net_af_xdp1,iface=outside 02:00:00:00:00:65 02:00:00:00:0d:01 \
    <"$out/hold-open" >"$out/gateway" 2>"$out/gateway.log" &
gateway=$!
exec 7>"$out/hold-open"
wait_for 20 grep -q ready "$out/gateway" || { cat "$out/gateway.log"; exit 1; }

answered() { sed -n 's/.*bytes from .*icmp_seq=\([0-9]*\) .*/\1/p' | paste -sd' '; }
from_alice() { ip netns exec alice ping -n -i 0.1 -W 2 -c 3 "$@" | answered; }
from_dave() { guest 30 "ping -n -i 0.1 -W 2 -c 3 $*" | answered; }
echoes() { guest 10 'cat /proc/net/snmp' | awk '/^Icmp: [0-9]/ {print $10}'; }

for dave in 192.3.0.68 192.3.0.69 2001:db8:d::68 2001:db8:d::69; do
    # The largest that fits whole: an inner MTU of 1446 less IP and ICMP headers.
    case $dave in *:*) alice=2001:db8:a::65 full=1398 ;; *) alice=192.1.0.65 full=1418 ;; esac
    for size in 0 1 56 1000 $full; do
        expect "Alice to $dave, $size bytes" "1 2 3" "$(from_alice -s $size $dave || true)"
    done
    expect "$dave to Alice, 900 bytes" "1 2 3" "$(from_dave -s 900 -I $dave $alice || true)"
    for size in 1452 4000; do
        case $dave in
            *:*) # Hosts learn the inner MTU from our packet too big: a first one may be lost.
                from_alice -s $size $dave >/dev/null || true
                expect "Alice to $dave, $size bytes" "1 2 3" "$(from_alice -s $size $dave || true)"
                expect "$dave to Alice, $size bytes" "1 2 3" "$(from_dave -s $size -I $dave $alice || true)"
                ;;
            *) # Cut by the gateway before encryption. The kernel cuts its answer after
                # encryption, and fragments of ESP are not put together yet: the requests count.
                before=$(echoes)
                from_alice -M dont -s $size $dave >/dev/null || true
                expect "Alice to $dave, $size bytes, requests received" 3 "$(($(echoes) - before))"
                ;;
        esac
    done
done

expect "errors counted by the peer's kernel" "" "$(guest 10 "awk '\$2 > 0' /proc/net/xfrm_stat" | paste -sd' ')"
exec 7>&-
wait $gateway || true
expect "the gateway ended by itself" 2 "$(grep -c transmitted "$out/gateway")"
expect "drops at the gateway, but what was too big, multicast or a fragment of ESP" "" \
    "$(grep ^drop "$out/gateway" | grep -v ' too_big \| ip_multicast \| own_fragment \| esp_fragment ' | paste -sd';')"
expect "clear text of the inner pairs outside" 0 \
    "$(tcpdump -nr "$out/outside.pcap" 'host 192.1.0.65 or net 2001:db8:a::/64' 2>/dev/null | wc -l)"
halt_guest

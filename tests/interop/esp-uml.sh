# ESP with static keys between the data plane and the Linux kernel, both directions:
# AES-128 and AES-256-GCM, IPv4 and IPv6 inside IPv4, sizes up to several fragments
#
#   alice ── sg ════ oe-dave (User-Mode Linux, kernel ESP)
# shellcheck shell=bash disable=SC2154
. "$root/tests/interop/uml.sh"

esp_lab
boot dave eth0 "$root/tests/interop/esp-uml-setup.sh"
static_gateway

from_alice() { ip netns exec alice ping -n -i 0.1 -W 10 -c 3 "$@" | answered; }
from_dave() { guest 90 "ping -n -i 0.1 -W 10 -c 3 $*" | answered; }
told() { sed -n 's/^From \([^ ]*\) icmp_seq=\([0-9]*\) \(.*\)/\2 \1 \3/p' | paste -sd';'; }

for dave in 192.3.0.68 192.3.0.69 2001:db8:d::68 2001:db8:d::69; do
    # The largest that fits whole: an inner MTU of 1446 less IP and ICMP headers.
    case $dave in *:*) alice=2001:db8:a::65 full=1398 ;; *) alice=192.1.0.65 full=1418 ;; esac
    for size in 0 1 56 1000 $full; do
        expect "Alice to $dave, $size bytes" "1 2 3" "$(from_alice -s $size $dave || true)"
    done
    expect "$dave to Alice, 900 bytes" "1 2 3" "$(from_dave -s 900 -I $dave $alice || true)"
    # Requests are cut by the gateway before encryption; the kernel cuts its answers, and
    # what it sends itself, after encryption. A first one may be lost where hosts learn the
    # inner MTU from our packet too big.
    learned() { [ "$(from_alice -W 1 -s $size $dave)" = "1 2 3" ]; }
    for size in 1452 4000 20000; do
        wait_for 30 learned || true
        expect "Alice to $dave, $size bytes" "1 2 3" "$(from_alice -s $size $dave || true)"
        expect "$dave to Alice, $size bytes" "1 2 3" "$(from_dave -s $size -I $dave $alice || true)"
    done
done

expect "errors counted by the peer's kernel" "" "$(guest 90 "awk '\$2 > 0' /proc/net/xfrm_stat" | paste -sd' ')"

# What our gateway cannot forward is answered through the tunnel, from its address inside;
# the kernel takes it in the SA of what it is about (RFC 4301 §6.2), after a mismatch that it counts.
for dave in 192.3.0.68 2001:db8:d::68; do
    case $dave in *:*) alice=2001:db8:a::65 us=2001:db8:a::1 what='Time exceeded: Hop limit' ;;
    *) alice=192.1.0.65 us=192.1.0.1 what='Time to live exceeded' ;; esac
    expect "$dave to Alice with one hop to live" "1 $us $what;2 $us $what" \
        "$(guest 90 "ping -n -i 0.2 -W 2 -c 2 -t 1 -I $dave $alice" | told || true)"
done

static_gateway_ends
expect "drops at the gateway, but what was too big, multicast or had no hop to live" "" \
    "$(grep ^drop "$out/gateway" | grep -v ' too_big \| ip_multicast \| ttl_expired ' | paste -sd';')"
expect "clear text of the inner pairs outside" 0 "$(on_wire 'host 192.1.0.65 or net 2001:db8:a::/64')"
expect "fragments of ESP from the gateway were none" 0 \
    "$(on_wire 'ether src 02:00:00:00:0a:04 and ip[6:2] & 0x3fff != 0')"
expect "fragments of ESP from the kernel" true \
    "$([ "$(on_wire 'ether src 02:00:00:00:0d:01 and proto 50 and ip[6:2] & 0x3fff != 0')" -gt 100 ] && echo true)"
halt_guest

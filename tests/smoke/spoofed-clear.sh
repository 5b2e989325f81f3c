# forged clear text from the Internet that says it comes from Bob is dropped while the pair is keyed, in both families
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#                        └── mallory: bob → alice, in the clear
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
old_enough() { whole sg-a show tunnels | jq -e "[.tunnels[] | select(.dst == \"$1\") | .age] | max | . > 10"; }
dropped() { echo $(($(drops sg-a clear_while_encrypted) - before)); }
five_dropped() { [ "$(dropped)" -ge 5 ]; }
echos_in() { at alice nstat -asz | awk '/^(IcmpInEchos|Icmp6InEchos) / {n += $2} END {print n}'; }
forge() {
    at internet /usr/bin/python3 -c '
import sys
from scapy.all import Ether, IP, ICMP, IPv6, ICMPv6EchoRequest, sendp, getmacbyip
alice, bob = sys.argv[1:]
if ":" in bob: forged = lambda n: IPv6(src=bob, dst=alice) / ICMPv6EchoRequest(seq=n, data=b"forged")
else: forged = lambda n: IP(src=bob, dst=alice) / ICMP(type=8, seq=n) / b"forged"
sendp([Ether(dst=getmacbyip("192.1.1.4")) / forged(n) for n in range(5)], iface="wire", verbose=False)' "$@"
}

pairs="192.1.0.65 192.2.0.66
2001:db8:a::65 2001:db8:b::66"
while read -r alice bob; do expect "$bob answered" "1" "$(ping_from alice "$bob" 1)"; done <<<"$pairs"
while read -r alice bob; do
    wait_for 30 old_enough "$bob"   # a fresh tunnel has ten seconds of grace
    before=$(drops sg-a clear_while_encrypted) echos=$(echos_in)
    forge "$alice" "$bob"
    wait_for 30 five_dropped || true
    expect "dropped as clear_while_encrypted, $bob" 5 "$(dropped)"
    expect "forged echo requests that reached Alice" 0 "$(($(echos_in) - echos))"
    expect "the tunnel still works" "1" "$(ping_from alice "$bob" 1)"
done <<<"$pairs"

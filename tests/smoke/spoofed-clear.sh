# forged clear text from the Internet that says it comes from Bob is dropped while the pair is keyed
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#                        └── mallory: 192.2.0.66 → 192.1.0.65, in the clear
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
old_enough() { [ "$(gate sg-a --json show tunnels | jq '[.tunnels[] | select(.dst == "192.2.0.66") | .age] | max | . > 10')" = true ]; }
counted_five() { [ $(($(drops sg-a clear_while_encrypted) - before)) -ge 5 ]; }
alices_errors() { at alice nstat -asz IcmpInEchos | awk '/IcmpInEchos/ {print $2}'; }

expect "icmp_seq answered" "1" "$(ping_from alice 192.2.0.66 1)"
wait_for 20 old_enough   # a fresh tunnel has ten seconds of grace
before=$(drops sg-a clear_while_encrypted) echos=$(alices_errors)
at internet /usr/bin/python3 - <<'PY'
from scapy.all import Ether, IP, ICMP, sendp, getmacbyip
mac = getmacbyip("192.1.1.4")
sendp([Ether(dst=mac) / IP(src="192.2.0.66", dst="192.1.0.65") / ICMP(type=8, seq=n) / b"forged" for n in range(5)],
      iface="wire", verbose=False)
PY
wait_for 5 counted_five || true
expect "dropped as clear_while_encrypted" 5 "$(($(drops sg-a clear_while_encrypted) - before))"
expect "forged echo requests that reached Alice" 0 "$(($(alices_errors) - echos))"
expect "the tunnel still works" "1" "$(ping_from alice 192.2.0.66 1)"

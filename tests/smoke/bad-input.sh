# garbage from the Internet is dropped under its own reason, refused with a line that names the peer, and stops nothing
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob
#              ↑         └── mallory: broken IPv4, ESP to nobody, IKE that is none
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
logged() { grep -cE "192\.1\.1\.1.*$1" "$lab/sg-a.log" || true; }
counted() { [ "$(drops sg-a esp_unknown_spi)" -ge 1 ] && [ "$(logged INVALID_SYNTAX\|malformed\|length)" -ge 1 ]; }

expect "icmp_seq answered" "1 2" "$(ping_from alice 192.2.0.66 2)"
at internet /usr/bin/python3 - <<'PY'
from scapy.all import Ether, IP, UDP, ESP, Raw, sendp, getmacbyip
to = Ether(dst=getmacbyip("192.1.1.4"))
ip = IP(src="192.1.1.1", dst="192.1.1.4")
sa = bytes(range(1, 9)) + bytes(8)
header = lambda first, length: sa + bytes([first, 0x20, 34, 8, 0, 0, 0, 0]) + length.to_bytes(4, "big")
sendp([to / IP(src="192.1.1.1", dst="192.1.1.4", chksum=0x1234) / UDP() / b"x",
       to / IP(src="192.1.1.1", dst="192.1.1.4", ihl=15) / b"x",
       to / IP(src="192.1.1.1", dst="192.1.1.4", len=900) / b"short",
       to / ip / ESP(spi=0x7f0fffff, seq=1, data=bytes(64)),
       to / ip / ESP(spi=0x7f0fffff, seq=1, data=b""),
       to / ip / UDP(sport=500, dport=500) / Raw(b"not IKE"),
       to / ip / UDP(sport=500, dport=500) / Raw(header(33, 28 + 8) + bytes([0, 0, 0, 3]) + bytes(4)),
       to / ip / UDP(sport=500, dport=500) / Raw(header(33, 5000) + bytes(40))], iface="wire", verbose=False)
PY
wait_for 30 counted || true
for reason in ip_checksum ip_header_length ip_short esp_unknown_spi; do
    expect "$reason counted" yes "$([ "$(drops sg-a $reason)" -ge 1 ] && echo yes || echo no)"
done
expect "log lines that name the peer and the field" 3 "$(logged "malformed IKE message refused: .*(header|payload)")"
grep -E '192\.1\.1\.1[^0-9]' "$lab/sg-a.log" | tail -n 5 || true
expect "icmp_seq answered after it" "1 2 3" "$(ping_from alice 192.2.0.66 3)"
expect "state of the flow" encrypt "$(flow sg-a 192.1.0.65 192.2.0.66 state)"

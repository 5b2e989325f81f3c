# five datagrams to a new host while keying: the first and the last arrive, in order
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob's second address, 192.2.0.67
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
listening() { at bob ss -Hlun "sport = :9001" | grep -q .; }
got_five() { grep -q 5 "$lab/got"; }

before=$(drops sg-a hold_replaced)
expect "state before" none "$(flow sg-a 192.1.0.65 192.2.0.67 state)"
at bob timeout 15 socat -u UDP4-RECV:9001,bind=192.2.0.67 - >"$lab/got" & receiver=$!
wait_for 5 listening
at alice python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(1, 6): s.sendto(b"%d\n" % n, ("192.2.0.67", 9001))'
wait_for 10 got_five || true
kill $receiver 2>/dev/null || true
expect "datagrams that arrived" "1 5" "$(paste -sd' ' "$lab/got")"
expect "hold_replaced counted" 3 "$(($(drops sg-a hold_replaced) - before))"
expect "state after" encrypt "$(flow sg-a 192.1.0.65 192.2.0.67 state)"

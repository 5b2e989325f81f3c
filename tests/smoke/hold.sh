# five datagrams to a new host while keying: the first and the last arrive, in order, in both families
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob's second addresses, 192.2.0.67 and 2001:db8:b::67
#             └── unbound: stopped while the five are sent, so that all of them wait
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
listening() { at bob ss -Hlun "sport = :9001" | grep -q .; }
replaced() { echo $(($(drops sg-a hold_replaced) - before)); }
three_replaced() { [ "$(replaced)" -ge 3 ]; }
got_five() { grep -q 5 "$lab/got"; }

while read -r alice bob receive; do
    before=$(drops sg-a hold_replaced)
    expect "state before" none "$(flow sg-a "$alice" "$bob" state)"
    at bob timeout 60 socat -u "$receive" - >"$lab/got" & receiver=$!
    wait_for 30 listening
    kill -STOP "$(cat "$lab/unbound.pid")"
    at alice python3 -c '
import socket, sys
to = socket.getaddrinfo(sys.argv[1], 9001, type=socket.SOCK_DGRAM)[0]
s = socket.socket(to[0], socket.SOCK_DGRAM)
for n in range(1, 6): s.sendto(b"%d\n" % n, to[4])' "$bob"
    wait_for 30 three_replaced || true
    kill -CONT "$(cat "$lab/unbound.pid")"
    wait_for 30 got_five || true
    kill $receiver 2>/dev/null || true
    expect "datagrams to $bob that arrived" "1 5" "$(paste -sd' ' "$lab/got")"
    expect "hold_replaced counted" 3 "$(replaced)"
    expect "state after" encrypt "$(flow sg-a "$alice" "$bob" state)"
done <<<"192.1.0.65 192.2.0.67 UDP4-RECV:9001,bind=192.2.0.67
2001:db8:a::65 2001:db8:b::67 UDP6-RECV:9001,bind=[2001:db8:b::67]"

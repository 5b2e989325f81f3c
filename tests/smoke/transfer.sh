# 50 MB by TCP in both directions and both families, MTU 1500 everywhere, checksums right
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob      the tunnel's MTU is smaller: TCP
#                                                     learns it from ICMP 3/4, ICMPv6 2
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
megabytes=50
mtus() { local n; for n in alice bob internet; do at $n ip -o link | sed -n '/link\/ether/s/.* mtu \([0-9]*\) .*/\1/p'; done | sort -u | paste -sd' '; }
listening() { at "$1" ss -Hltn "sport = :9000" | grep -q .; }
# carry FROM TO ADDRESS: sends a file, prints whether it arrived whole.
carry() {
    at "$2" timeout 300 nc -l -N "$3" 9000 </dev/null >"$lab/received" & local receiver=$!
    wait_for 30 listening "$2"
    at "$1" timeout 300 nc -N "$3" 9000 <"$lab/sent" || true
    wait $receiver || true
    cmp -s "$lab/sent" "$lab/received" && echo whole || echo "$(stat -c %s "$lab/received") bytes"
}

head -c ${megabytes}M /dev/urandom >"$lab/sent"
expect "MTU of every link" 1500 "$(mtus)"
while read -r alice bob; do
    expect "$megabytes MB from Alice to $bob" whole "$(carry alice bob "$bob")"
    expect "$megabytes MB from Bob to $alice" whole "$(carry bob alice "$alice")"
    expect "state of the flow" encrypt "$(flow sg-a "$alice" "$bob" state)"
done <<<"192.1.0.65 192.2.0.66
2001:db8:a::65 2001:db8:b::66"
rm -f "$lab/sent" "$lab/received"
show gate sg-a show tunnels

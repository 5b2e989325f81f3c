# The machine can do what the other stories take for granted: hosts, cables, both
# families, full-size datagrams that are not touched by the kernel's checksum offload.
# shellcheck shell=bash disable=SC2154

host left
host right
wire left eth0 right eth0
ip -n left addr add 192.1.0.5/24 dev eth0
ip -n right addr add 192.1.0.9/24 dev eth0
ip -n left addr add 2001:db8:1::5/64 dev eth0
ip -n right addr add 2001:db8:1::9/64 dev eth0

expect "MTU" 1500 "$(ip netns exec left cat /sys/class/net/eth0/mtu)"
expect_ok "full-size IPv4 datagram" ip netns exec left ping -c 1 -W 20 -M do -s 1472 192.1.0.9
expect_ok "full-size IPv6 datagram" ip netns exec left ping -c 1 -W 20 -M do -s 1452 2001:db8:1::9

head -c 1000000 /dev/urandom >"$out/sent"
ip netns exec right timeout 60 nc -l -p 5000 >"$out/received" &
listener=$!
wait_for 30 ip netns exec right sh -c "ss -tln | grep -q :5000"
ip netns exec left timeout 60 nc -N 192.1.0.9 5000 <"$out/sent"
wait $listener || true
expect "TCP, 1 MB" "$(sha256sum <"$out/sent")" "$(sha256sum <"$out/received")"
expect "only hosts of this story" "left right" "$(ip netns list | awk '{print $1}' | sort | paste -sd' ')"

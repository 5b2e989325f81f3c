# A host that leaves checksums to hardware, on a veth where there is none: what leaves
# through the tunnel has right ones, with both drivers over kernel interfaces
#
#   alice ── sg ════ dave (scapy's ESP)
# shellcheck shell=bash disable=SC2154
peer=$root/tests/interop/esp_peer.py

for driver in net_af_packet net_af_xdp; do
    host alice
    host sg
    host dave
    wire alice eth0 sg inside
    wire sg outside dave eth0
    ip netns exec alice ethtool -K eth0 tx on >/dev/null
    ip -n alice link set eth0 address 02:00:00:00:00:65
    ip -n sg link set inside address 02:00:00:00:0a:01
    ip -n sg link set outside address 02:00:00:00:0a:04
    ip -n dave link set eth0 address 02:00:00:00:0d:01
    ip -n alice addr add 192.1.0.65/24 dev eth0
    ip -n alice neigh add 192.1.0.1 lladdr 02:00:00:00:0a:01 dev eth0 nud permanent
    ip -n alice route add default via 192.1.0.1
    mkfifo "$out/$driver.in"
    ip netns exec sg timeout 180 "$build/tests/interop/static_gateway" ${driver}0,iface=inside \
        ${driver}1,iface=outside 02:00:00:00:00:65 02:00:00:00:0d:01 <"$out/$driver.in" >"$out/$driver" 2>&1 &
    gateway=$!
    exec 7>"$out/$driver.in"  # nobody else may hold it: the gateway ends when it is closed
    wait_for 30 grep -q ready "$out/$driver" || { cat "$out/$driver"; exit 1; }
    ip netns exec dave timeout 180 /usr/bin/python3 "$peer" answer eth0 7>&- >"$out/$driver.peer" 2>&1 &
    dave=$!
    wait_for 30 grep -q ready "$out/$driver.peer" || { cat "$out/$driver.peer"; exit 1; }
    ip netns exec alice timeout 120 tcpdump -Unq -i eth0 -c 20 -w "$out/$driver.pcap" \
        'udp and src host 192.1.0.65' 7>&- 2>/dev/null &
    capture=$!
    wait_for 30 test -s "$out/$driver.pcap" || true
    expect "$driver: UDP that came back" 20 \
        "$(ip netns exec alice /usr/bin/python3 "$peer" ask 192.3.0.68 20)"
    wait_for 30 sh -c "! kill -0 $capture 2>/dev/null" || true
    # Else this shows nothing: without them the test would pass with any gateway.
    expect "$driver: unfinished checksums as Alice sent them" 20 \
        "$(tcpdump -nvvr "$out/$driver.pcap" 2>/dev/null | grep -c 'bad udp cksum')"
    expect "$driver: right ones inside the tunnel" 20 "$(grep -c '^opened .* right' "$out/$driver.peer")"
    expect "$driver: wrong ones" 0 "$(grep -cE 'WRONG|wrong|Error' "$out/$driver.peer" || true)"
    exec 7>&-
    wait $gateway || true
    kill $dave
    wait $dave || true
    for name in alice sg dave; do ip netns del $name; done
done

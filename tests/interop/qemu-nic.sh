# PCI NICs under vfio-pci: a QEMU guest with a virtio-net and an e1000e NIC behind an
# emulated IOMMU, the gateway with static SAs inside it, Alice on one side, and on the
# other an ESP peer that is no kernel and no DPDK (esp_peer.py)
#
#   alice ── tap ── [virtio-net  guest  e1000e] ── tap ── dave (scapy's ESP)
# shellcheck shell=bash disable=SC2154
. "$root/tests/interop/qemu.sh"

if ! command -v qemu-system-x86_64 >/dev/null || ! ls "$kernel_tree"/boot/vmlinuz-* >/dev/null 2>&1; then
    echo "needs qemu-system-x86 and a kernel for the guest: scripts/setup brings both"
    exit 77
fi

host alice
host sg
host dave
for tap in inside outside; do ip -n sg tuntap add $tap mode tap; done
initramfs "$out/initramfs" "$build/tests/interop/static_gateway" 0000:00:02.0 0000:00:03.0 \
    02:00:00:00:00:65 02:00:00:00:0d:01
# QEMU opens the cables' ends in sg; then they are carried to the hosts.
virtual=disable-legacy=on,iommu_platform=on,ats=on
in_namespace=sg start_guest 300 "$out/initramfs" \
    -netdev tap,id=n0,ifname=inside,script=no,downscript=no \
    -device virtio-net-pci,netdev=n0,addr=2,mac=02:00:00:00:0a:01,$virtual \
    -netdev tap,id=n1,ifname=outside,script=no,downscript=no \
    -device e1000e,netdev=n1,addr=3,mac=02:00:00:00:0a:04
wait_for 150 grep -q "gateway: ready" "$out/console" || { cat "$out/console"; exit 1; }
ip -n sg link set inside netns alice
ip -n sg link set outside netns dave
ip -n alice link set inside address 02:00:00:00:00:65 up
ip -n alice addr add 192.1.0.65/24 dev inside
ip -n alice neigh add 192.1.0.1 lladdr 02:00:00:00:0a:01 dev inside nud permanent
ip -n alice route add default via 192.1.0.1
ip -n dave link set outside address 02:00:00:00:0d:01 up
ip netns exec dave timeout 300 /usr/bin/python3 "$root/tests/interop/esp_peer.py" answer outside \
    >"$out/peer" 2>&1 &
wait_for 30 grep -q ready "$out/peer" || { cat "$out/peer"; exit 1; }

answered() { sed -n 's/.*bytes from .*icmp_seq=\([0-9]*\) .*/\1/p' | paste -sd' '; }
# shellcheck disable=SC2016
expect "the refusal that names the kernel's driver and the command" 1 \
    "$(grep -c "unbound: interface inside: device '0000:00:02.0' is bound to the kernel's driver 'virtio-pci' as .*: run .dpdk-devbind.py -b vfio-pci 0000:00:02.0" "$out/console")"
expect "NICs bound to vfio-pci" 2 "$(grep -c '^bound 0000:00:0[23].0 to vfio-pci' "$out/console")"
for size in 0 56 1000 1418; do
    expect "Alice pings Dave, $size bytes" "1 2 3" \
        "$(ip netns exec alice ping -n -i 0.2 -W 20 -c 3 -s $size 192.3.0.68 | answered || true)"
done
expect "UDP of 1 to 1,370 bytes that came back" 50 \
    "$(ip netns exec alice /usr/bin/python3 "$root/tests/interop/esp_peer.py" ask 192.3.0.68 50)"
expect "datagrams opened by the peer with a right checksum inside" 62 "$(grep -c '^opened .* right' "$out/peer")"
expect "with a wrong one, or in the clear" 0 "$(grep -cE 'WRONG|wrong|^clear IP|Error' "$out/peer" || true)"
echo >&7
wait $guest_pid || true
expect "drops in the gateway" "" "$(tr -d '\r' <"$out/console" | grep '^gateway: drop' | grep -v ' ip_multicast \| ether_type_unknown ' | paste -sd';')"
expect "frames that left by the e1000e" 62 \
    "$(tr -d '\r' <"$out/console" | sed -n 's/^gateway: outside received .* transmitted \([0-9]*\)$/\1/p')"

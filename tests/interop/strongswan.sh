# strongSwan with the Linux kernel's ESP, found in the signed reverse zone: keyed from either side
#
#   alice ── sg-a ════ Internet ════ sg-d (User-Mode Linux, strongSwan) ── dave
#            oegate                  192.1.1.6                             192.3.0.68
# shellcheck shell=bash disable=SC2154
. "$root/tests/interop/uml.sh"
export OEGATE_LAB_STRANGER=yes
. "$root/tests/smoke/lab.sh"

swan() { guest 90 "swanctl $* --uri unix:///run/swan/vici"; }
from_dave() { guest 90 "ping -n -i 0.2 -W 20 -c $1 -I 192.3.0.68 192.1.0.65" | sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' | paste -sd' '; }
children() { swan --list-sas | grep -c INSTALLED || true; }
# Tunnels in force: an inbound SA that was replaced lives on for late packets (old_inbound).
tunnels() { whole sg-a show tunnels | jq "[.tunnels[] | select(.dst == \"192.3.0.68\" and .state != \"old\")] | length"; }
no_tunnel() { [ "$(tunnels)" = 0 ]; }
no_child() { [ "$(children)" = 0 ]; }
spis() { whole sg-a show tunnels | jq -r '.tunnels[] | select(.dst == "192.3.0.68") | .spi_in' | sort | paste -sd' '; }

mkdir -p "$out/sg-d"
cp "$lab/keys/sg-d.pem" "$out/sg-d/"
for gw in sg-a sg-d; do openssl pkey -in "$lab/keys/$gw.pem" -pubout -out "$out/sg-d/$gw.pub.pem"; done
boot sg-d eth0 "$root/tests/interop/strongswan-setup.sh"

expect "oegate initiates: icmp_seq of Alice's pings to Dave answered" "1 2 3 4 5" "$(ping_from alice 192.3.0.68 5)"
expect "children at strongSwan" 1 "$(children)"
expect "Dave's pings to Alice answered" "1 2 3" "$(from_dave 3)"
expect "pings of 1,400 bytes answered" "1 2 3" "$(ping_from alice 192.3.0.68 3 -s 1372)"

before=$(spis)
expect_ok "strongSwan rekeys the child" swan --rekey --child dave-alice
expect "pings across the rekey answered" "1 2 3 4 5" "$(ping_from alice 192.3.0.68 5)"
expect "the child has new SPIs" yes "$([ "$(spis)" != "$before" ] && echo yes || echo no)"

expect_ok "strongSwan deletes" swan --terminate --ike oegate --timeout 60
wait_for 30 no_tunnel || true
expect "tunnels at sg-a after strongSwan's delete" 0 "$(tunnels)"

expect_ok "strongSwan initiates" swan --initiate --child dave-alice --timeout 60
expect "Dave's pings to Alice answered" "1 2 3" "$(from_dave 3)"
expect "Alice's pings to Dave answered" "1 2 3" "$(ping_from alice 192.3.0.68 3)"
expect "state at sg-a" encrypt "$(flow sg-a 192.1.0.65 192.3.0.68 state)"

expect_ok "oegate deletes" gate sg-a tunnel delete 192.1.0.65 192.3.0.68
wait_for 30 no_child || true
expect "children at strongSwan after oegate's delete" 0 "$(children)"

# The first child, too, with a Diffie-Hellman of its own, after an IKE_AUTH without one (RFC 6023).
auths() { grep -c "parsed IKE_AUTH response 1 .* AUTH \]" "$out/sg-d/charon.log" || true; }
before=$(auths)
guest 90 "sed -i 's/mobike = no/mobike = no\n  childless = force/' /run/swan/swanctl.conf && swanctl --load-conns --uri unix:///run/swan/vici"
expect_ok "strongSwan initiates without a child" swan --initiate --child dave-alice --timeout 60
expect "IKE_AUTH answers without a child" $((before + 1)) "$(auths)"
expect "Dave's pings to Alice answered" "1 2 3" "$(from_dave 3)"
expect "Alice's pings to Dave answered" "1 2 3" "$(ping_from alice 192.3.0.68 3)"
expect_ok "deleted" swan --terminate --ike oegate --timeout 60
wait_for 30 no_tunnel || true
guest 90 "sed -i /childless/d /run/swan/swanctl.conf"  # forced, it would answer no other IKE_AUTH

# Other suites, with 64-bit sequence numbers: what strongSwan wants, of what oegate offers.
wants() {
    guest 90 "sed -i 's/esp_proposals = .*/esp_proposals = $1/' /run/swan/swanctl.conf && swanctl --load-conns --uri unix:///run/swan/vici"
}
states() { guest 90 "ip xfrm state" | grep -c "$1" || true; }
again() { # SUITE SIDE PATTERN
    # The peer's kernel loads an algorithm for its first SA: one ping is held so long.
    ping_from alice 192.3.0.68 1 >/dev/null || true
    expect "$1, $2 initiates: Alice's pings to Dave answered" "1 2 3" "$(ping_from alice 192.3.0.68 3)"
    expect "$1: Dave's pings to Alice answered" "1 2 3" "$(from_dave 3)"
    expect "$1: states of the kernel that have it, and 64-bit sequence numbers" "2 2" "$(states "$3") $(states 'flag.*esn')"
    expect_ok "$1: deleted" swan --terminate --ike oegate --timeout 60
    wait_for 30 no_tunnel || true
}
expect_ok "strongSwan wants AES-CBC with SHA-256" wants aes256-sha256-curve25519-esn
again aes256-sha256 oegate 'hmac(sha256)'
expect_ok "strongSwan wants ChaCha20-Poly1305" wants chacha20poly1305-curve25519-esn
expect_ok "strongSwan initiates" swan --initiate --child dave-alice --timeout 60
again chacha20-poly1305 strongSwan 'rfc7539esp'
halt_guest

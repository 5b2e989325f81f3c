# In the guest: 192.1.1.6 with Dave, 192.3.0.68 and .69, 2001:db8:d::68 and ::69, on its
# loopback, and the kernel's ESP with the static keys of static_gateway.cpp.
ip addr add 192.1.1.6/24 dev vec0
ip neigh add 192.1.1.4 lladdr 02:00:00:00:0a:04 dev vec0 nud permanent
for a in 192.3.0.68 192.3.0.69; do ip addr add $a/32 dev lo; done
for a in 2001:db8:d::68 2001:db8:d::69; do ip addr add $a/128 dev lo nodad; done
ip route add 192.1.0.0/24 via 192.1.1.4
# IPv6 has its own next hop; the outer datagram is IPv4 and never asks for it.
ip addr add 2001:db8:ff::6/64 dev vec0 nodad
ip -6 neigh add 2001:db8:ff::4 lladdr 02:00:00:00:0a:04 dev vec0 nud permanent
ip route add 2001:db8:a::/64 via 2001:db8:ff::4

bytes() { # FIRST COUNT: hexadecimal, counting up
    i=0
    while [ $i -lt $2 ]; do
        printf %02x $((($1 + i) % 256))
        i=$((i + 1))
    done
}
# flag icmp: errors that quote what an SA's other direction carried are taken (RFC 4301 §6.2).
tunnel() { # SLOT SRC DST KEY_BYTES: DST is ours
    first=$((16 * ($1 + 1)))
    to_us=0x$(bytes $first $4)aabbcc$(printf %02x $first)
    from_us=0x$(bytes $((first + 8)) $4)aabbcc$(printf %02x $((first + 8)))
    ip xfrm state add src 192.1.1.4 dst 192.1.1.6 proto esp spi $((0x2000 + $1)) reqid $1 mode tunnel \
        replay-window 64 flag icmp aead 'rfc4106(gcm(aes))' $to_us 128 sel src $2 dst $3
    ip xfrm state add src 192.1.1.6 dst 192.1.1.4 proto esp spi $((0x01000000 + $1)) reqid $1 mode tunnel \
        aead 'rfc4106(gcm(aes))' $from_us 128 sel src $3 dst $2
    ip xfrm policy add src $2 dst $3 dir in flag icmp tmpl src 192.1.1.4 dst 192.1.1.6 proto esp reqid $1 mode tunnel
    ip xfrm policy add src $3 dst $2 dir out tmpl src 192.1.1.6 dst 192.1.1.4 proto esp reqid $1 mode tunnel
}
tunnel 0 192.1.0.65 192.3.0.68 16
tunnel 1 192.1.0.65 192.3.0.69 32
tunnel 2 2001:db8:a::65 2001:db8:d::68 16
tunnel 3 2001:db8:a::65 2001:db8:d::69 32

# In the guest: 192.1.1.6 and 2001:db8:ff::6 with Dave's addresses on its loopback, and the
# kernel's ESP for each line of the story's table of tunnels, keys as static_gateway.cpp has them.
ip addr add 192.1.1.6/24 dev vec0
ip neigh add 192.1.1.4 lladdr 02:00:00:00:0a:04 dev vec0 nud permanent
ip addr add 2001:db8:ff::6/64 dev vec0 nodad
ip -6 neigh add 2001:db8:ff::4 lladdr 02:00:00:00:0a:04 dev vec0 nud permanent
ip route add 192.1.0.0/24 via 192.1.1.4
ip route add 2001:db8:a::/64 via 2001:db8:ff::4

# ESP in UDP needs a socket that gives it to the kernel (UDP_ENCAP, udp(7)).
python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.1.1.6", 4500))
s.setsockopt(socket.IPPROTO_UDP, 100, 2)
time.sleep(600)' &

# Two commands a tunnel would be slow in a guest: ip reads all of them at once.
python3 - >/run/batch <<'END'
def counting(first, num):
    return "".join("%02x" % ((first + i) % 256) for i in range(num))

HASHES = {"md5": ("hmac(md5)", 16, 96), "sha1": ("hmac(sha1)", 20, 96), "sha256": ("hmac(sha256)", 32, 128),
          "sha384": ("hmac(sha384)", 48, 192), "sha512": ("hmac(sha512)", 64, 256)}
AEADS = {"aes128-gcm16": ("rfc4106(gcm(aes))", 16), "aes256-gcm16": ("rfc4106(gcm(aes))", 32),
         "chacha20-poly1305": ("rfc7539esp(chacha20,poly1305)", 32)}
CIPHERS = {"aes128": ("cbc(aes)", 16), "aes256": ("cbc(aes)", 32), "3des": ("cbc(des3_ede)", 24),
           "null": ("ecb(cipher_null)", 0)}

def algorithms(suite, first):
    if suite in AEADS:
        name, num = AEADS[suite]
        return "aead %s 0x%saabbcc%02x 128" % (name, counting(first, num), first)
    cipher, digest = suite.split("-")
    name, num = CIPHERS[cipher]
    auth, auth_num, bits = HASHES[digest]
    key = "0x" + counting(first, num) if num else '""'
    return "auth-trunc %s 0x%s %d enc %s %s" % (auth, counting(first + 0x80, auth_num), bits, name, key)

for line in open("/mnt/out/tunnels"):
    slot, alice, dave, suite, esn, udp, outer = line.split()
    slot = int(slot)
    us, them = ("192.1.1.6", "192.1.1.4") if outer == "4" else ("2001:db8:ff::6", "2001:db8:ff::4")
    first = 16 * (slot + 1) % 256
    more = "replay-window 64 " + ("flag esn " if esn == "1" else "")
    encap = " encap espinudp 4500 4500 0.0.0.0" if udp == "1" else ""
    sa = "xfrm state add src %s dst %s proto esp spi 0x%x reqid %d mode tunnel %s%s%s sel src %s dst %s"
    print("addr add %s dev lo%s" % (dave + ("/32" if "." in dave else "/128"), "" if "." in dave else " nodad"))
    print(sa % (them, us, 0x2000 + slot, slot + 1, more, algorithms(suite, first), encap, alice, dave))
    print(sa % (us, them, 0x01000000 + slot, slot + 1, more, algorithms(suite, (first + 8) % 256), encap, dave, alice))
    policy = "xfrm policy add src %s dst %s dir %s tmpl src %s dst %s proto esp reqid %d mode tunnel"
    print(policy % (alice, dave, "in", them, us, slot + 1))
    print(policy % (dave, alice, "out", us, them, slot + 1))
END
cp /run/batch /mnt/out/batch
ip -force -batch /run/batch >/mnt/out/batch.log 2>&1

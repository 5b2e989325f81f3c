#!/usr/bin/python3
"""ESP against an independent implementation: scapy's IPsec layer.

usage: esp_scapy.py ESP_CODEC [SEED]

Both directions, IPv4 and IPv6 inside and outside, AES-128 and AES-256-GCM, random
keys, addresses and lengths. What oegate seals scapy must open, byte for byte, and
scapy's own sealing of the same datagram must be the same bytes; what scapy seals
oegate must open. A changed packet must be refused.
"""
import ipaddress
import random
import subprocess
import sys

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw, raw

conf.verb = 0


class Codec:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        while True:  # EAL may say something first
            line = self.process.stdout.readline()
            if not line:
                sys.exit("esp_codec did not start")
            if line.strip() == "ready":
                break

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=20)


def address(rng, version):
    if version == 4:
        return str(ipaddress.IPv4Address(rng.randrange(0x0b000000, 0x7e000000)))
    return str(ipaddress.IPv6Address(0x20010db8 << 96 | rng.getrandbits(96)))


def header(version, source, destination, rng):
    if version == 4:
        return IP(src=source, dst=destination, ttl=rng.randrange(1, 256), id=rng.getrandbits(16),
                  tos=rng.getrandbits(6) << 2, flags=rng.choice(["", "DF"]))
    return IPv6(src=source, dst=destination, hlim=rng.randrange(1, 256), tc=rng.getrandbits(6) << 2,
                fl=rng.getrandbits(20))


def inner_datagram(version, source, destination, rng):
    payload = Raw(rng.randbytes(rng.choice([0, 1, 2, 3, 4, rng.randrange(1400)])))
    transport = rng.choice([UDP(sport=rng.getrandbits(16), dport=9),
                            TCP(sport=rng.getrandbits(16), dport=9, seq=rng.getrandbits(32))])
    ip = header(version, source, destination, rng)
    datagram = raw(ip / transport / payload)
    return (IP if version == 4 else IPv6)(datagram)


def association(spi, key, salt, local, remote, outer):
    tunnel = (IP if outer == 4 else IPv6)(src=local, dst=remote)
    return SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=key + salt, auth_algo="NULL",
                               auth_key=None, tunnel_header=tunnel)


def check(what, expected, seen):
    if expected != seen:
        sys.exit(f"{what}\n expected {expected}\n seen     {seen}")


def one_case(codec, rng, inner, outer, bits):
    key, salt = rng.randbytes(bits // 8), rng.randbytes(4)
    local, remote = address(rng, outer), address(rng, outer)
    source, destination = address(rng, inner), address(rng, inner)
    ip_class = IP if outer == 4 else IPv6

    # oegate seals three times: scapy opens each, and seals the same bytes itself.
    spi = rng.randrange(256, 1 << 32)
    datagram = inner_datagram(inner, source, destination, rng)
    sealed = codec.ask("seal", bits, key.hex(), salt.hex(), spi, local, remote, source, destination, 3,
                       raw(datagram).hex()).split()
    check("number of sealed datagrams", 3, len(sealed))
    for number, text in enumerate(sealed, 1):
        packet = ip_class(bytes.fromhex(text))
        check("outer protocol", 50, packet.proto if outer == 4 else packet.nh)
        check("outer addresses", (ipaddress.ip_address(local), ipaddress.ip_address(remote)),
              (ipaddress.ip_address(packet.src), ipaddress.ip_address(packet.dst)))
        check("sequence number", number, packet[ESP].seq)
        check("outer DSCP", datagram.tos if inner == 4 else datagram.tc, packet.tos if outer == 4 else packet.tc)
        if outer == 4:
            check("DF", inner == 6 or datagram.flags.DF if inner == 4 else True, bool(packet.flags.DF))
            fresh = packet.copy()
            del fresh.chksum
            check("outer checksum", ip_class(raw(fresh)).chksum, packet.chksum)
        esp = raw(packet[ESP])
        sa = association(spi, key, salt, local, remote, outer)
        check("scapy opens", raw(datagram).hex(), raw(sa.decrypt(packet)).hex())
        again = association(spi, key, salt, local, remote, outer).encrypt(datagram, seq_num=number, iv=esp[8:16])
        check("scapy seals the same", esp.hex(), raw(again[ESP]).hex())

    # scapy seals: oegate opens.
    spi = rng.randrange(1, 256) << 24 | rng.randrange(64)  # salt, worker 0, slot
    reply = inner_datagram(inner, destination, source, rng)
    sa = association(spi, key, salt, remote, local, outer)
    packet = raw(sa.encrypt(reply, seq_num=rng.randrange(1, 1 << 32)))
    words = [bits, key.hex(), salt.hex(), local, remote, destination, source]
    check("oegate opens", raw(reply).hex(), codec.ask("open", *words, packet.hex()))
    spoilt = bytearray(packet)
    spoilt[-1 - rng.randrange(len(packet) - (20 if outer == 4 else 40) - 16)] ^= 1 << rng.randrange(8)
    check("oegate refuses", "drop esp_bad_icv", codec.ask("open", *words, bytes(spoilt).hex()))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20240
    rng = random.Random(seed)
    codec = Codec(sys.argv[1])
    cases = 0
    for _ in range(12):
        for inner in (4, 6):
            for outer in (4, 6):
                for bits in (128, 256):
                    one_case(codec, rng, inner, outer, bits)
                    cases += 1
    check("esp_codec's exit status", 0, codec.end())
    print(f"{cases} cases, seed {seed}: both directions agree with scapy")


main()

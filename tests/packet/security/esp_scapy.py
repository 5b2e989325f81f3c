#!/usr/bin/python3
"""ESP against independent implementations: scapy's IPsec layer and OpenSSL.

usage: esp_scapy.py ESP_CODEC [SEED]

Every suite, IPv4 and IPv6 inside and outside, with 32- and 64-bit sequence numbers,
plain and in UDP, random keys, addresses and lengths up to 9000 bytes. What oegate seals
must be, byte for byte, what is computed here by OpenSSL's algorithms from the RFCs, and
scapy must open it; what is sealed here oegate must open. A changed packet must be refused.
"""
import hashlib
import hmac
import ipaddress
import random
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from scapy.config import conf
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw, raw

conf.verb = 0

CIPHERS = {  # key, IV, block; scapy's name
    "aes128-gcm16": (16, 8, 4, "AES-GCM"), "aes256-gcm16": (32, 8, 4, "AES-GCM"),
    "chacha20-poly1305": (32, 8, 4, "CHACHA20-POLY1305"),
    "aes128": (16, 16, 16, "AES-CBC"), "aes256": (32, 16, 16, "AES-CBC"),
    "null": (0, 0, 4, "NULL"), "3des": (24, 8, 8, "3DES"),
}
HASHES = {  # key, ICV, hash; scapy's name
    "md5": (16, 12, hashlib.md5, "HMAC-MD5-96"), "sha1": (20, 12, hashlib.sha1, "HMAC-SHA1-96"),
    "sha256": (32, 16, hashlib.sha256, "SHA2-256-128"), "sha384": (48, 24, hashlib.sha384, "SHA2-384-192"),
    "sha512": (64, 32, hashlib.sha512, "SHA2-512-256"),
}
SUITES = ["aes128-gcm16", "aes256-gcm16", "chacha20-poly1305",
          *(f"{c}-{h}" for h in ("sha1", "sha256", "sha384", "sha512") for c in ("aes128", "aes256")),
          *(f"null-{h}" for h in ("sha1", "sha256", "sha384", "sha512")), "3des-md5", "3des-sha1"]


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


class Sa:
    """One SA and its own arithmetic, after RFC 4303, 4106, 7634, 3602, 2451, 4868."""

    def __init__(self, suite, esn, udp, rng):
        self.suite, self.esn, self.udp = suite, esn, udp
        self.aead = suite in CIPHERS
        self.cipher, self.hash = (suite, None) if self.aead else suite.split("-")
        key_len, self.iv_len, self.block, self.scapy_cipher = CIPHERS[self.cipher]
        self.key = rng.randbytes(key_len)
        self.salt = rng.randbytes(4) if self.aead else b""
        self.auth_len, self.icv_len, self.algorithm, self.scapy_hash = HASHES[self.hash] if self.hash else (0, 16, None, "NULL")
        self.auth_key = rng.randbytes(self.auth_len)

    def words(self):
        return [self.suite, *(b.hex() or "-" for b in (self.key, self.auth_key, self.salt)), int(self.esn), int(self.udp)]

    def seal(self, spi, sequence, iv, next_header, inner):
        pad = -(len(inner) + 2) % self.block
        plain = inner + bytes(range(1, pad + 1)) + bytes([pad, next_header])
        head = spi.to_bytes(4, "big") + (sequence & 0xffffffff).to_bytes(4, "big")
        high = (sequence >> 32).to_bytes(4, "big") if self.esn else b""
        if self.aead:
            aad = head[:4] + high + head[4:]
            aead = ChaCha20Poly1305 if self.cipher.startswith("chacha") else AESGCM
            return head + iv + aead(self.key).encrypt(self.salt + iv, plain, aad)
        if self.cipher != "null":
            algorithm = algorithms.TripleDES if self.cipher == "3des" else algorithms.AES
            sealer = Cipher(algorithm(self.key), modes.CBC(iv)).encryptor()
            plain = sealer.update(plain) + sealer.finalize()
        packet = head + iv + plain
        return packet + hmac.new(self.auth_key, packet + high, self.algorithm).digest()[:self.icv_len]

    def scapy(self, spi, local, remote, outer, sequence):
        tunnel = (IP if outer == 4 else IPv6)(src=local, dst=remote)
        return SecurityAssociation(ESP, spi=spi, crypt_algo=self.scapy_cipher, crypt_key=(self.key + self.salt) or None,
                                   auth_algo=self.scapy_hash, auth_key=self.auth_key or None, tunnel_header=tunnel,
                                   nat_t_header=UDP(sport=4500, dport=4500) if self.udp else None,
                                   esn_en=self.esn, esn=sequence >> 32)


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
    """No transport at all, a little, or up to 9000 bytes in all."""
    room = 9000 - (20 if version == 4 else 40) - 20
    payload = Raw(rng.randbytes(rng.choice([0, 1, 2, 3, 4, rng.randrange(1400), rng.randrange(room)])))
    transport = rng.choice([UDP(sport=rng.getrandbits(16), dport=9),
                            TCP(sport=rng.getrandbits(16), dport=9, seq=rng.getrandbits(32))])
    return raw(header(version, source, destination, rng) / transport / payload)


def check(what, expected, seen):
    if expected != seen:
        sys.exit(f"{what}\n expected {expected}\n seen     {seen}")


def first_sequence(esn, rng):
    """Sent so far; with ESN often just before the low half cycles."""
    if not esn:
        return rng.choice([0, rng.getrandbits(31)])
    return rng.choice([0, rng.getrandbits(63), (rng.getrandbits(20) << 32) - 2 & (1 << 63) - 1])


def check_outer(packet, datagram, sa, inner, outer, local, remote):
    check("outer protocol", 17 if sa.udp else 50, packet.proto if outer == 4 else packet.nh)
    check("outer addresses", (ipaddress.ip_address(local), ipaddress.ip_address(remote)),
          (ipaddress.ip_address(packet.src), ipaddress.ip_address(packet.dst)))
    inside = (IP if inner == 4 else IPv6)(datagram)
    check("outer DSCP", inside.tos if inner == 4 else inside.tc, packet.tos if outer == 4 else packet.tc)
    fresh = packet.copy()
    if outer == 4:
        check("DF", bool(inside.flags.DF) if inner == 4 else True, bool(packet.flags.DF))
        del fresh.chksum
        check("outer checksum", IP(raw(fresh)).chksum, packet.chksum)
    if not sa.udp:
        return
    udp = packet[UDP]
    check("UDP ports", (4500, 4500), (udp.sport, udp.dport))
    check("UDP length", len(raw(packet)) - (20 if outer == 4 else 40), udp.len)
    if outer == 4:
        check("no UDP checksum over IPv4", 0, udp.chksum)
        return
    del fresh[UDP].chksum
    check("UDP checksum over IPv6", IPv6(raw(fresh))[UDP].chksum, udp.chksum)


def seals(codec, rng, sa, inner, outer):
    """oegate seals three times; each must be what we compute, and scapy opens one."""
    spi, sent = rng.randrange(256, 1 << 32), first_sequence(sa.esn, rng)
    local, remote = address(rng, outer), address(rng, outer)
    source, destination = address(rng, inner), address(rng, inner)
    datagram = inner_datagram(inner, source, destination, rng)
    sealed = codec.ask("seal", *sa.words(), local, remote, source, destination, spi, sent, 3, datagram.hex()).split()
    check("number of sealed datagrams", 3, len(sealed))
    front = (20 if outer == 4 else 40) + (8 if sa.udp else 0)
    ivs = set()
    for number, text in enumerate(sealed, sent + 1):
        whole = bytes.fromhex(text)
        check_outer((IP if outer == 4 else IPv6)(whole), datagram, sa, inner, outer, local, remote)
        esp = whole[front:]
        iv = esp[8:8 + sa.iv_len]
        ivs.add(iv)
        check("SPI and sequence number", (spi, number & 0xffffffff),
              (int.from_bytes(esp[:4], "big"), int.from_bytes(esp[4:8], "big")))
        check("the same bytes", sa.seal(spi, number, iv, 4 if inner == 4 else 41, datagram).hex(), esp.hex())
    check("IVs differ", 3 if sa.iv_len else 1, len(ivs))
    if sa.esn and not sa.aead:
        return  # scapy 2.5 leaves the high half out of the HMACs that it verifies
    number = sent + 3
    packet = (IP if outer == 4 else IPv6)(bytes.fromhex(sealed[2]))
    opened = sa.scapy(spi, local, remote, outer, number).decrypt(packet)
    check("scapy opens", datagram.hex(), raw(opened).hex())


def opens(codec, rng, sa, inner, outer):
    """We seal: oegate opens, and refuses what was changed, in the high half too."""
    spi = rng.randrange(1, 256) << 24 | rng.randrange(64)  # salt, worker 0, slot
    local, remote = address(rng, outer), address(rng, outer)
    source, destination = address(rng, inner), address(rng, inner)
    highest = first_sequence(sa.esn, rng)
    sequence = highest + rng.choice([1, 2, 500, 1 << 30])
    if not sa.esn:
        sequence &= 0xffffffff
    datagram = inner_datagram(inner, source, destination, rng)
    padded = datagram + bytes(rng.choice([0, 0, 13]))  # TFC padding
    esp = sa.seal(spi, sequence, rng.randbytes(sa.iv_len), 4 if inner == 4 else 41, padded)

    def outside(bytes_of_esp):
        ip = header(outer, remote, local, rng)
        if sa.udp:
            datagram_of = ip / UDP(sport=4500, dport=4500, chksum=0 if outer == 4 and rng.random() < .5 else None) / Raw(bytes_of_esp)
        else:
            setattr(ip, "proto" if outer == 4 else "nh", 50)
            datagram_of = ip / Raw(bytes_of_esp)
        return raw(datagram_of).hex()

    def ask(packet, at=highest):
        return codec.ask("open", *sa.words(), local, remote, source, destination, at, outside(packet))

    check("oegate opens", datagram.hex(), ask(esp))
    spoilt = bytearray(esp)
    spoilt[rng.randrange(8, len(esp))] ^= 1 << rng.randrange(8)
    check("oegate refuses", "drop esp_bad_icv", ask(bytes(spoilt)))
    if sa.esn:  # another cycle than the sender's
        check("oegate refuses", "drop esp_bad_icv", ask(esp, at=highest + (1 << 32)))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20240
    rng = random.Random(seed)
    codec = Codec(sys.argv[1])
    cases = 0
    for suite in SUITES:
        for inner in (4, 6):
            for outer in (4, 6):
                for esn in (False, True):
                    for udp in (False, True):
                        sa = Sa(suite, esn, udp, rng)
                        try:
                            seals(codec, rng, sa, inner, outer)
                            opens(codec, rng, sa, inner, outer)
                        except SystemExit as failure:
                            sys.exit(f"{suite}, IPv{inner} in IPv{outer}, esn {esn}, udp {udp}: {failure}")
                        cases += 1
    check("esp_codec's exit status", 0, codec.end())
    print(f"{cases} cases, seed {seed}: both directions agree with OpenSSL and scapy")


main()

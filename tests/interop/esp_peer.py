#!/usr/bin/python3
"""Dave, whose gateway is scapy's ESP: the stranger of qemu-nic.sh, without a kernel's ESP.

usage: esp_peer.py answer INTERFACE    until killed; one line for each datagram
       esp_peer.py ask ADDRESS COUNT   UDP of many sizes; prints how many came back

It opens what static_gateway seals for 192.3.0.68, checks the checksum inside, and sends
ICMP echo and UDP back through the tunnel's other SA.
"""
import socket
import sys

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import Ether
from scapy.packet import Raw, raw

conf.verb = 0
OURS, THEIRS = "192.1.1.6", "192.1.1.4"


def association(spi, first, source, destination):
    key = bytes(range(first, first + 16)) + bytes([0xAA, 0xBB, 0xCC, first])
    return SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=key,
                               tunnel_header=IP(src=source, dst=destination))


def checksum_is_right(inner):
    layer = ICMP if ICMP in inner else UDP
    before = inner[layer].chksum
    again = IP(raw(inner))
    del again[layer].chksum
    return IP(raw(again))[layer].chksum == before


def answer_to(inner):
    back = IP(src=inner.dst, dst=inner.src)
    if ICMP in inner and inner[ICMP].type == 8:
        return back / ICMP(type=0, id=inner[ICMP].id, seq=inner[ICMP].seq) / Raw(raw(inner[ICMP].payload))
    if UDP in inner:
        return back / UDP(sport=inner[UDP].dport, dport=inner[UDP].sport) / Raw(raw(inner[UDP].payload))
    return None


def answer(interface):
    to_us = association(0x2000, 0x10, THEIRS, OURS)
    to_them = association(0x1000000, 0x18, OURS, THEIRS)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))
    wire.bind((interface, 0))
    print("ready", flush=True)
    while True:
        frame, (_, _, kind, _, _) = wire.recvfrom(9000)
        outer = Ether(frame)
        if kind == socket.PACKET_OUTGOING or IP not in outer:
            continue
        if ESP not in outer or outer[IP].dst != OURS:
            print("clear", outer.summary(), flush=True)
            continue
        # The same bytes that scapy would have made, header checksum included.
        if IP(raw(outer[IP])[:20]).chksum != IP(raw(IP(raw(outer[IP])[:20], chksum=None))).chksum:
            print("wrong outer checksum", flush=True)
        inner = to_us.decrypt(outer[IP])
        inner = IP(raw(inner))
        print("opened", len(inner), "right" if checksum_is_right(inner) else "WRONG", flush=True)
        back = answer_to(inner)
        if back is not None:
            sealed = to_them.encrypt(IP(raw(back)))
            wire.send(raw(Ether(src=outer.dst, dst=outer.src) / sealed))


def ask(address, count):
    us = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    us.settimeout(20)
    came_back = 0
    for i in range(count):
        text = bytes((i + j) & 0xFF for j in range(1 + i * 1400 // count))
        us.sendto(text, (address, 7))
        try:
            came_back += us.recv(2000) == text
        except socket.timeout:
            pass
    print(came_back)


if __name__ == "__main__":
    if sys.argv[1] == "answer":
        answer(sys.argv[2])
    else:
        ask(sys.argv[2], int(sys.argv[3]))

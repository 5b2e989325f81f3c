#!/usr/bin/python3
"""slow_dns.py LISTEN SERVER DELAY EVERY [strip]: a relay for DNS over UDP and a bad line in one: each
question waits DELAY seconds, and every EVERYth datagram is lost; with strip it asks without EDNS, so
that answers come without signatures. For the stories alone."""
import heapq
import select
import socket
import sys
import time

listen, server, delay, every = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
front.bind((listen, 53))
strip = sys.argv[5:] == ['strip']
waiting, asked, seen = [], {}, 0
while True:
    left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    for ready in select.select([front, *asked], [], [], left)[0]:
        data, peer = ready.recvfrom(65535)
        seen += 1
        if ready is not front:
            front.sendto(data, asked.pop(ready))
            ready.close()
        elif seen % every:
            heapq.heappush(waiting, (time.monotonic() + delay, seen, data, peer))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, data, peer = heapq.heappop(waiting)
        back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if strip:  # the OPT record is the last 11 bytes
            data = data[:10] + bytes(2) + data[12:-11]
        back.sendto(data, (server, 53))
        asked[back] = peer

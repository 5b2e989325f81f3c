#!/usr/bin/python3
"""TRex against an appliance with two NICs: docs/benchmarking.md says how to cable it.

    appliance.py throughput    RFC 2544 §26.1: binary search without loss, each frame size
    appliance.py latency       RFC 2544 §26.2: at the throughput just found, or --rate
    appliance.py imix          the search over 64, 570 and 1518 bytes at 7:4:1 (RFC 6985)
    appliance.py flows         the search at one size over 1 to 1,000,000 flows
    appliance.py sas --flows N every SA carries traffic: each flow is sent --repeat times,
                               and as many frames must arrive (draft-ietf-bmwg-ipsec-meth §9)

Flow i is UDP from 10.254.0.0 to 10.253.0.0 + i, as pktgen_gateway expects it. Run on the
generator's machine with TRex's server started (t-rex-64 -i) and its
automation/trex_control_plane/interactive in PYTHONPATH. Prints a table; --json FILE.
"""
import argparse
import ipaddress
import json
import time

SIZES = [64, 128, 256, 512, 1024, 1280, 1518]  # RFC 2544 §9.1, with FCS
FLOWS = [1, 100, 10_000, 100_000, 1_000_000]
IMIX = [(64, 7), (570, 4), (1518, 1)]
SOURCE, FIRST = "10.254.0.0", int(ipaddress.IPv4Address("10.253.0.0"))
LATENCY_GROUP = 7


def search(trial, resolution):
    """Highest rate in per cent of the line at which trial(rate) loses nothing; 0 when none."""
    if trial(100.0):
        return 100.0
    low, high = 0.0, 100.0
    while high - low > resolution:
        rate = (low + high) / 2
        low, high = (rate, high) if trial(rate) else (low, rate)
    return low


class Generator:
    def __init__(self, options):
        from trex.stl import api  # TRex brings it

        self.api, self.options = api, options
        self.client = api.STLClient(server=options.server)
        self.client.connect()
        self.ports = [0, 1]
        self.client.reset(ports=self.ports)
        self.client.set_port_attr(ports=self.ports, promiscuous=True)

    def packet(self, size, flows):
        """One frame whose destination counts through the flows; size includes the FCS."""
        api = self.api
        frame = (api.Ether(dst=self.options.gateway_mac) / api.IP(src=SOURCE, dst="10.253.0.0") /
                 api.UDP(sport=1000, dport=1001))
        frame = frame / (b"x" * max(0, size - 4 - len(frame)))
        last = str(ipaddress.IPv4Address(FIRST + flows - 1))
        program = api.STLScVmRaw([
            api.STLVmFlowVar(name="flow", min_value="10.253.0.0", max_value=last, size=4, op="inc"),
            api.STLVmWrFlowVar(fv_name="flow", pkt_offset="IP.dst"),
            api.STLVmFixIpv4(offset="IP"),
        ])
        return api.STLPktBuilder(pkt=frame, vm=program)

    def load(self, mix, flows, latency=False):
        api = self.api
        # Shares of the line's time: a frame takes its size and 20 bytes of preamble and gap.
        whole = sum(weight * (size + 20) for size, weight in mix)
        streams = [api.STLStream(packet=self.packet(size, flows),
                                 mode=api.STLTXCont(percentage=100.0 * weight * (size + 20) / whole))
                   for size, weight in mix]
        if latency:  # a thousand marked frames a second beside the load
            streams.append(api.STLStream(packet=self.packet(max(mix[0][0], 78), 1), mode=api.STLTXCont(pps=1000),
                                         flow_stats=api.STLFlowLatencyStats(pg_id=LATENCY_GROUP)))
        self.client.reset(ports=self.ports)
        self.client.add_streams(streams, ports=[0])

    def trial(self, rate, seconds):
        """Frames sent and received; RFC 2544 §23: wait two seconds for what is under way."""
        self.client.clear_stats()
        self.client.start(ports=[0], mult=f"{rate}%", duration=seconds)
        self.client.wait_on_traffic(ports=[0])
        time.sleep(2)
        stats = self.client.get_stats()
        return stats[0]["opackets"], stats[1]["ipackets"], stats

    def burst(self, flows, repeat, pps):
        api = self.api
        self.client.reset(ports=self.ports)
        mode = api.STLTXSingleBurst(total_pkts=flows * repeat, pps=pps)
        self.client.add_streams([api.STLStream(packet=self.packet(64, flows), mode=mode)], ports=[0])
        self.client.clear_stats()
        self.client.start(ports=[0])
        self.client.wait_on_traffic(ports=[0])
        time.sleep(2)
        stats = self.client.get_stats()
        return stats[0]["opackets"], stats[1]["ipackets"]


def throughput(generator, options, mix, flows):
    """Row of one search: per cent of the line and frames a second, confirmed for a minute."""
    generator.load(mix, flows)

    def clean(rate, seconds=options.seconds):
        sent, received, _ = generator.trial(rate, seconds)
        return sent > 0 and received >= sent

    rate = search(clean, options.resolution)
    sent, received, _ = generator.trial(rate, options.confirm) if rate > 0 else (0, 0, None)
    return {"frames": mix, "flows": flows, "line_percent": rate, "pps": sent / options.confirm,
            "lost": sent - received}


def latency(generator, options, size):
    rate = options.rate
    if rate is None:
        rate = throughput(generator, options, [(size, 1)], options.flows)["line_percent"]
    generator.load([(size, 1)], options.flows, latency=True)
    _, _, stats = generator.trial(rate, max(120, options.seconds))  # §26.2: at least 120 s
    seen = stats["latency"][LATENCY_GROUP]["latency"]
    return {"frame": size, "line_percent": rate, "average_us": seen["average"], "max_us": seen["total_max"],
            "jitter_us": seen["jitter"]}


def rows(generator, options):
    if options.recipe == "throughput":
        for size in options.sizes:
            yield throughput(generator, options, [(size, 1)], options.flows)
    elif options.recipe == "latency":
        for size in options.sizes:
            yield latency(generator, options, size)
    elif options.recipe == "imix":
        yield throughput(generator, options, IMIX, options.flows)
    elif options.recipe == "flows":
        for flows in FLOWS:
            yield throughput(generator, options, [(options.sizes[0], 1)], flows)
    else:
        sent, received = generator.burst(options.flows, options.repeat, options.pps)
        yield {"sas": options.flows, "sent": sent, "received": received,
               "every_sa_carried": sent == options.flows * options.repeat and sent == received}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=["throughput", "latency", "imix", "flows", "sas"])
    parser.add_argument("--server", default="127.0.0.1")
    parser.add_argument("--gateway-mac", required=True, help="of the gateway's inside NIC")
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=int, default=10, help="of a trial of the search")
    parser.add_argument("--confirm", type=int, default=60, help="of the last trial (RFC 2544 §24)")
    parser.add_argument("--resolution", type=float, default=0.1, help="in per cent of the line")
    parser.add_argument("--rate", type=float, help="latency: per cent of the line, instead of a search")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--pps", type=int, default=100_000)
    parser.add_argument("--json")
    options = parser.parse_args()
    generator, seen = Generator(options), []
    try:
        for row in rows(generator, options):
            print(row, flush=True)
            seen.append(row)
    finally:
        generator.client.disconnect()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(seen, file, indent=1)


if __name__ == "__main__":
    main()

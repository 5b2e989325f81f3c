-- Pktgen-DPDK against an appliance with two NICs: docs/benchmarking.md says how to cable it.
--
--   RECIPE=throughput|imix|flows GATEWAY_MAC=… pktgen … -- … -f appliance.lua
--
-- Port 0 sends to the gateway's inside NIC, port 1 counts what comes back. Flow i is UDP
-- from 10.254.0.0 to 10.253.0.0 + i, as pktgen_gateway expects it. Throughput is RFC 2544
-- §26.1: a binary search for the highest rate without loss, confirmed for a minute.
-- Latency and single SAs: the TRex recipe, which marks its frames.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local recipe = os.getenv("RECIPE") or "throughput"
local gateway = os.getenv("GATEWAY_MAC") or error("GATEWAY_MAC: of the gateway's inside NIC")
local flows_wanted = tonumber(os.getenv("FLOWS") or "1000")
local trial_ms, confirm_ms, settle_ms, resolution = 10000, 60000, 2000, 0.1
local sizes = { 64, 128, 256, 512, 1024, 1280, 1518 } -- RFC 2544 §9.1, with FCS
local flow_counts = { 1, 100, 10000, 100000, 1000000 }
local imix = { { 64, 7 }, { 570, 4 }, { 1518, 1 } } -- RFC 6985
local out = assert(io.open(os.getenv("RESULTS") or "pktgen-results.csv", "w"))

local function address(flow)
    local a = 0x0afd0000 + flow
    return string.format("%d.%d.%d.%d", math.floor(a / 16777216) % 256, math.floor(a / 65536) % 256,
        math.floor(a / 256) % 256, a % 256)
end

local function one_flow_each(flows, size)
    local function fixed(field, value)
        for _, word in ipairs({ "start", "min", "max" }) do pktgen.range[field]("0", word, value) end
        pktgen.range[field]("0", "inc", field:find("ip") and "0.0.0.0" or 0)
    end
    pktgen.range.dst_mac("0", "start", gateway)
    fixed("src_ip", "10.254.0.0")
    fixed("src_port", 1000)
    fixed("dst_port", 1001)
    fixed("pkt_size", size)
    pktgen.range.dst_ip("0", "start", address(0))
    pktgen.range.dst_ip("0", "min", address(0))
    pktgen.range.dst_ip("0", "max", address(flows - 1))
    pktgen.range.dst_ip("0", "inc", flows > 1 and "0.0.0.1" or "0.0.0.0")
    pktgen.range.ip_proto("0", "udp")
    pktgen.set_range("0", "on")
end

-- Sequences carry the mix: one entry for each frame of 7:4:1.
local function mixed()
    pktgen.set_range("0", "off")
    local entry = 0
    for _, part in ipairs(imix) do
        for _ = 1, part[2] do
            pktgen.seqTable(entry, "0", {
                eth_dst_addr = gateway, eth_src_addr = "02:00:00:00:0c:01",
                ip_dst_addr = address(entry), ip_src_addr = "10.254.0.0/32",
                sport = 1000, dport = 1001, ethType = "ipv4", ipProto = "udp", vlanid = 1,
                pktSize = part[1], teid = 3, cos = 0, tos = 0,
            })
            entry = entry + 1
        end
    end
    pktgen.set("0", "seq_cnt", entry)
end

local function lost(rate, milliseconds)
    pktgen.clr()
    pktgen.set("0", "rate", rate)
    pktgen.set("0", "count", 0)
    pktgen.start("0")
    pktgen.delay(milliseconds)
    pktgen.stop("0")
    pktgen.delay(settle_ms) -- RFC 2544 §23: what is under way arrives
    local sent = pktgen.portStats("0", "port")[0].opackets
    local received = pktgen.portStats("1", "port")[1].ipackets
    return sent - received, sent
end

local function search(name)
    local low, high, rate = 0, 100, 100
    while high - low > resolution do
        if lost(rate, trial_ms) <= 0 then low = rate else high = rate end
        if low == 100 then break end
        rate = (low + high) / 2
    end
    local missing, sent = 0, 0
    if low > 0 then missing, sent = lost(low, confirm_ms) end
    local line = string.format("%s,%.2f,%.0f,%d", name, low, sent * 1000 / confirm_ms, missing)
    print(line)
    out:write(line .. "\n")
end

pktgen.screen("off")
out:write("recipe,line percent,frames per second,lost when confirmed\n")
if recipe == "throughput" then
    for _, size in ipairs(sizes) do
        one_flow_each(flows_wanted, size)
        search("throughput " .. size)
    end
elseif recipe == "flows" then
    for _, flows in ipairs(flow_counts) do
        one_flow_each(flows, 64)
        search("flows " .. flows)
    end
elseif recipe == "imix" then
    mixed()
    search("imix 7:4:1")
else
    error("RECIPE is throughput, flows or imix")
end
out:close()
pktgen.quit()

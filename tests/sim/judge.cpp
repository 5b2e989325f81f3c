// What the world can be asked: did it arrive, do both ends agree, is anything left?
#include <algorithm>

#include "node.hpp"

namespace oegate::sim {

bool World::was_delivered(std::uint64_t datagram, bool* encrypted) const {
    const auto it = fates_.find(datagram);
    if (it == fates_.end()) return false;
    if (encrypted != nullptr) *encrypted = it->second;
    return true;
}

/// The inbound SA that opens what `from` sends for the pair.
const WorkerModel::Sa* World::far_end(unsigned from, const Pair& pair) const {
    if (!nodes_[from]->up) return nullptr;
    const WorkerModel::Sa* out = nodes_[from]->worker->outbound(pair);
    const auto to = out == nullptr ? std::nullopt : gateway_at(out->remote);
    if (!to || !nodes_[*to]->up) return nullptr;
    const WorkerModel::Sa* in = nodes_[*to]->worker->inbound(out->spi);
    return in != nullptr && in->pair == pair && same_key(in->key, out->key) ? in : nullptr;
}

bool World::agreed(const Pair& pair) const {
    const auto one_way = [this](const Pair& p) {
        const auto site = site_of(p.source);
        return site && far_end(routes_.at(*site).exit, p) != nullptr;
    };
    return one_way(pair) && one_way(pair.reversed());
}

std::string World::describe(const Pair& asked) {
    std::string text;
    for (const Pair& pair : {asked, asked.reversed()})
        for (const unsigned i : gateways_of(site_of(pair.source).value_or(99))) {
            if (!nodes_[i]->up) {
                text += "  " + config(i).name + " is down\n";
                continue;
            }
            const gateway::ExplainView v = gateway(i).explain(pair, clock.now());
            const WorkerModel::Flow* f = worker(i).flow(pair);
            text += "  " + config(i).name + (exit_of(site_of(i)) == i ? " (exit): " : ": ") + pair.text() +
                    " keying " + v.state + " (" + v.reason + "), worker " +
                    std::string(f == nullptr ? "none" : to_text(f->state)) + "\n";
        }
    return text;
}

std::uint64_t World::counted(unsigned i, const std::string& name) const {
    if (!nodes_.at(i)->up) return 0;
    for (const gateway::CounterView& c : nodes_[i]->gateway->counters())
        if (c.name == name) return c.value;
    return 0;
}

std::string World::leftovers() {
    std::string text;
    for (unsigned i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->up) continue;
        const gateway::StatusView s = gateway(i).status();
        const auto note = [&](const char* what, std::uint64_t number) {
            if (number > 0) text += " " + config(i).name + ": " + std::to_string(number) + " " + what + ";";
        };
        note("connections", s.connections);
        note("SA pairs", gateway(i).tunnels(clock.now()).size());
        note("keying channels", s.ike_sas);
        note("commands unapplied", s.commands_unapplied);
        note("offers", counted(i, "keying offers"));
        note("flows", worker(i).num_flows());
        note("SAs in workers", worker(i).num_sas());
        std::uint64_t fresh = 0;
        for (const gateway::DnsView& d : gateway(i).dns(clock.now()))
            fresh += d.left > Duration::zero() ? 1 : 0;
        note("DNS answers", fresh);
    }
    return text;
}

}  // namespace oegate::sim

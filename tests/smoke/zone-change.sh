# a zone changes: within its TTL a host that got a gateway is encrypted to, one that lost his goes by its class
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob .66 (as ever), .71 (gets a gateway), .72 (loses it)
#             └── unbound ── nsd: published anew, TTL and SOA MINIMUM of 3 s
# shellcheck shell=bash disable=SC2154
plan_addresses() { address bob eth0 192.2.0.71/24 192.2.0.72/24 2001:db8:b::71/64 2001:db8:b::72/64; }
plan_records() {
    local n=72
    [ ! -e "$lab/changed" ] || n=71
    published sg-b 192.1.1.5 192.2.0.$n && published sg-b 2001:db8:1::5 2001:db8:b::$n
}
plan_zones() { echo "minimum 3"; }
plan_config() { sed '$a timers: {look-again-first: 2s, look-again: 2s, used-within: 20s, requery: 2s, least-failure: 2s}'; }
export OEGATE_LAB_TTL=3; export -f plan_addresses plan_records plan_zones plan_config
. "$root/tests/smoke/lab.sh"
states() { local n; for n in 66 71 72; do flow sg-a "$1" "$2$n" state; done | xargs; }
becomes() { local n; for n in 66 71 72; do ping_from alice "$2$n" 1 -W 1; done >/dev/null; [ "$(states "$1" "$2")" = "$3" ]; }

pairs="192.1.0.65 192.2.0.
2001:db8:a::65 2001:db8:b::"
while read -r alice bob; do
    for n in 66 71 72; do expect "before: $bob$n answered" "1" "$(ping_from alice "$bob$n" 1)"; done
    expect "states of .66, .71, .72" "encrypt pass encrypt" "$(states "$alice" "$bob")"
done <<<"$pairs"
touch "$lab/changed" && "$root/scripts/lab" publish
while read -r alice bob; do
    wait_for 30 becomes "$alice" "$bob" "encrypt encrypt pass" || true
    expect "the zone has changed: states towards $bob" "encrypt encrypt pass" "$(states "$alice" "$bob")"
    for n in 66 71 72; do expect "after: $bob$n answered" "1" "$(ping_from alice "$bob$n" 1)"; done
done <<<"$pairs"
show gate sg-a explain 192.1.0.65 192.2.0.71
show gate sg-a explain 192.1.0.65 192.2.0.72

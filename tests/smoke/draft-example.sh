# the draft's example, step by step in its order (OE draft §11.2), once in each family
#
#   alice ── sg-a ═╤══ Internet ════ sg-b ── bob
#             │    └─ internet.pcap   │             the numbers are those of the draft's
#             └──── dns.pcap ─────────┘             time-sequence diagram
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
at dns tcpdump --immediate-mode -q -U -i mgmt -w "$out/dns.pcap" port 53 2>/dev/null &
wait_for 30 test -s "$out/dns.pcap"
reverse() { /usr/bin/python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer)' "$1"; }
wires() { { tcpdump -tt -n -r "$out/dns.pcap"; tcpdump -tt -n -r "$lab/capture/internet.pcap"; } 2>/dev/null | sort -n; }
# steps A B SG-A SG-B: the steps as they stand on the wires, each where it came first.
steps() {
    wires | awk -v a="$(reverse "$1")." -v b="$(reverse "$2")." -v ga="$3" -v gb="$4" -v key="$(reverse "$3")." '
        function is(what) { return index($0, what) > 0 }
        is("10.53.0.11.") && is("? " b)                        { step = "5B" }
        is("10.53.0.2.53 > 10.53.0.11.") && seen["5B"]         { step = "5C" }
        is(ga ".500 > " gb) && is("ikev2_init[I]")             { step = "5D" }
        is(gb ".500 > " ga) && is("ikev2_init[R]")             { step = "5E1" }
        is(ga ".500 > " gb) && is("ikev2_auth[I]")             { step = "5E4" }
        is("10.53.0.12.") && is("? " key)                      { step = "5F1" }
        is("10.53.0.2.53 > 10.53.0.12.") && seen["5F1"]        { step = seen["5H1"] ? "5H2" : "5F2" }
        is("10.53.0.12.") && is("? " a)                        { step = "5H1" }
        is(gb ".500 > " ga) && is("ikev2_auth[R]")             { step = "5G2" }
        is(ga " > " gb) && is("ESP(")                          { step = "6" }
        is(gb " > " ga) && is("ESP(")                          { step = "9" }
        step && !seen[step]++ { printf "%s%s", n++ ? " " : "", step } { step = "" }'
}
ike() { wires | grep -cE "$1.500 > .*isakmp"; }
rows() { gate "$1" --json explain "$2" "$3" | jq -r '[.story[].row] | join(" ")'; }
while read -r a b sga sgb; do
    expect "(4) to (10): Alice's first ping to $b answered" "1" "$(ping_from alice "$b" 1)"
    wait_for 30 sh -c "[ \$(tcpdump -n -r $lab/capture/internet.pcap 2>/dev/null | grep -c '$sgb > $sga: ESP') -ge 1 ]"
    expect "the steps on the wires" "5B 5C 5D 5E1 5E4 5F1 5F2 5H1 5H2 5G2 6 9" "$(steps "$a" "$b" "$sga" "$sgb")"
    expect "sg-a: hold, potential, pending, keyed" "n.oe p.found g.keyed" "$(rows sg-a "$a" "$b")"
    expect "sg-b: installed, and moved to on first ESP" "r.install k.move" "$(rows sg-b "$b" "$a")"
    before=$(ike "$sga")
    expect "(11), (12): Alice's second" "1" "$(ping_from alice "$b" 1)"
    expect "its tunnel is there: more IKE messages" 0 "$(($(ike "$sga") - before))"
done <<<"192.1.0.65 192.2.0.66 192.1.1.4 192.1.1.5
2001:db8:a::65 2001:db8:b::66 2001:db8:1::4 2001:db8:1::5"

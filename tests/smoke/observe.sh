# what the operator sees of packets: a trace of a ping's first datagram through hold and encryption,
# ESP alone on the outside, ICMP in the decrypted capture, drops with reasons, in both families
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
captured() { gate sg-a --json show captures | jq -r ".captures[] | select(.name == \"$1\") | .path"; }
ended() { gate sg-a --json show captures | jq -e ".captures[] | select(.name == \"$1\") | .state == \"stopped\""; }
count() { tshark -n -r "$1" -Y "$2" 2>/dev/null | wc -l; }
some() { [ "$1" -ge 40 ] && echo some || echo "$1"; }

pairs="ip 192.1.0.65 192.2.0.66 icmp
ipv6 2001:db8:a::65 2001:db8:b::66 icmpv6"
gate sg-a capture start wire --interface outside >/dev/null
gate sg-a workers measure 120 >/dev/null
while read -r ip alice bob icmp; do
    gate sg-a capture start "$ip" --decrypted --pair "$alice" "$bob" >/dev/null
    gate sg-a trace "$alice" "$bob" --protocol "$icmp" --seconds 60 >"$out/$ip.trace" & tracer=$!
    wait_for 30 grep -q "trace of .*$bob.* begins" "$lab/sg-a.log" || true
    expect "a second trace" 1 "$(gate sg-a trace "$alice" "$bob" >/dev/null 2>&1; echo $?)"
    expect "$bob answered" "$(seq -s ' ' 23)" "$(ping_from alice "$bob" 23)"
    wait $tracer || true
    cat "$out/$ip.trace"
    for stage in parse policy hold encrypt transmit; do
        expect_ok "the trace shows $stage" grep -q "worker 0  #1 *$stage" "$out/$ip.trace"
    done
done <<<"$pairs"
expect "datagrams in the stage that encrypts" some "$(some "$(gate sg-a --json show workers |
    jq '[.workers[].stages[] | select(.stage == "encrypt") | .packets] | add')")"
for name in wire ip ipv6; do gate sg-a capture stop $name >/dev/null; done
for name in wire ip ipv6; do wait_for 30 ended $name; done
wire=$(captured wire)
expect "mode of the file" 600 "$(stat -c %a "$wire")"
while read -r ip alice bob icmp; do
    expect "ESP outside, $ip" some "$(some "$(count "$wire" "esp && $ip")")"
    expect "ICMP outside" 0 "$(count "$wire" "$icmp && $ip.addr == $bob")"
    expect "ICMP inside of the tunnel" some "$(some "$(count "$(captured "$ip")" "$icmp && $ip.addr == $bob")")"
done <<<"$pairs"
expect "names that lead elsewhere" 1 "$(gate sg-a capture start ../x --drops >/dev/null 2>&1; echo $?)"
expect "memory" true "$(gate sg-a --json show memory | jq '.memory | length > 4')"

# what the operator sees of packets: a trace of a ping's first datagram through hold and
# encryption, ESP alone on the outside, ICMP in the decrypted capture, drops with reasons
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
captured() { gate sg-a --json show captures | jq -r ".captures[] | select(.name == \"$1\") | .path"; }
ended() { gate sg-a --json show captures | jq -e ".captures[] | select(.name == \"$1\") | .state == \"stopped\""; }
count() { tshark -n -r "$1" -Y "$2" 2>/dev/null | wc -l; }

gate sg-a capture start wire --interface outside >/dev/null
gate sg-a capture start plain --decrypted --pair 192.1.0.65 192.2.0.66 >/dev/null
gate sg-a trace 192.1.0.65 192.2.0.66 --protocol icmp --seconds 20 >"$out/trace" & tracer=$!
wait_for 5 grep -q 'trace of .* begins' "$lab/sg-a.log" || true
expect "a second trace" 1 "$(gate sg-a trace 192.1.0.65 192.2.0.66 >/dev/null 2>&1; echo $?)"
expect "answered" "1 2 3" "$(ping_from alice 192.2.0.66 3)"
wait $tracer || true
cat "$out/trace"
for stage in parse policy hold encrypt transmit; do
    expect_ok "the trace shows $stage" grep -q "worker 0  #1 *$stage" "$out/trace"
done
gate sg-a workers measure 30 >/dev/null
at alice ping -n -i 0.05 -c 20 -W 5 192.2.0.66 >/dev/null
expect "stages that encrypted something" true "$(gate sg-a --json show workers |
    jq '[.workers[].stages[] | select(.stage == "encrypt") | .packets] | add >= 20')"
gate sg-a capture stop wire >/dev/null && gate sg-a capture stop plain >/dev/null
wait_for 5 ended wire
wait_for 5 ended plain
wire=$(captured wire) plain=$(captured plain)
expect "mode of the file" 600 "$(stat -c %a "$wire")"
expect "ESP outside" true "$([ "$(count "$wire" esp)" -ge 40 ] && echo true)"
expect "ICMP outside" 0 "$(count "$wire" 'icmp && ip.addr == 192.2.0.66')"
expect "ICMP inside of the tunnel" true "$([ "$(count "$plain" icmp)" -ge 40 ] && echo true)"
expect "names that lead elsewhere" 1 "$(gate sg-a capture start ../x --drops >/dev/null 2>&1; echo $?)"
expect "memory" true "$(gate sg-a --json show memory | jq '.memory | length > 4')"

# the operator watches: transitions as they come, a pair's story with times, what to do, limits, in both families
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob, and carol .67 in the clear
#             └── oegate monitor
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
monitor() { gate sg-a --json monitor "$@"; }

pairs="192.1.0.65 192.2.0.66 192.1.1.67
2001:db8:a::65 2001:db8:b::66 2001:db8:1::67"
monitor >"$out/all" & all=$!
watchers=()
while read -r alice bob _; do
    monitor "$alice" "$bob" --count 3 --seconds 30 >"$out/$bob" & watchers+=($!)
    wait_for 30 grep -q begin "$out/$bob"
done <<<"$pairs"
monitor >"$out/none" </dev/null & slow=$!
wait_for 30 grep -q begin "$out/none"
kill -STOP $slow  # reads no more, and nobody waits for it
while read -r alice bob carol; do
    expect "$bob and $carol answered" "1 2 1 2" "$(ping_from alice "$bob" 2) $(ping_from alice "$carol" 2)"
done <<<"$pairs"
for watcher in "${watchers[@]}"; do wait "$watcher" || true; done
told() { jq -s "map(select(.dst == \"$1\" and .reason == \"p.none\")) | length" "$out/all"; }
is_told() { [ "$(told "$1")" != 0 ]; }
while read -r alice bob carol; do
    expect "the pair's transitions, streamed" "n.oe p.found g.keyed" "$(jq -rs 'map(select(.event == "transition").reason) | join(" ")' "$out/$bob")"
    wait_for 30 is_told "$carol" || true
    expect "$carol's, in the other stream" 1 "$(told "$carol")"
    expect "each step of the story has a time" true \
        "$(gate sg-a --json explain "$alice" "$bob" | jq '[.story[].at | test("^20.*Z$")] | all and length >= 3')"
    expect "what to do, in explain and in the log" "true 1" \
        "$(gate sg-a --json explain "$alice" "$carol" | jq '.advice | contains("publishes an IPSECKEY")') $(grep -c "$alice -> $carol: .*p.none: .*what to do: .*publishes an IPSECKEY" "$lab/sg-a.log")"
    gate sg-a flow clear "$alice" "$carol" >/dev/null
    expect "a pair that was forgotten still has a story" true \
        "$(gate sg-a --json explain "$alice" "$carol" | jq '.state != "clear-text" and ([.story[].row] | index("p.none") != null)')"
done <<<"$pairs"
expect "each has a time" true "$(jq -s 'all(.time | test("^20.*Z$"))' "$out/all")"
limit() { gate sg-a --json show limits | jq -c ".limits | map(select(.name == \"$1\"))[0] | [.use, .bound, .hits]"; }
two_readers() { [ "$(limit "readers of monitor")" = "[2,8,0]" ]; }
wait_for 30 two_readers || true  # the watchers have ended
expect "limits: tunnels' channels, readers of monitor, routes" "[2,65536,0] [2,8,0] [6,65536,0]" \
    "$(limit limits.ike-sas) $(limit "readers of monitor") $(limit dataplane.routes)"
expect "every limit once" 0 "$(gate sg-a --json show limits | jq -r '.limits[].name' | sort | uniq -d | wc -l)"
kill -CONT $slow; kill $slow $all
expect_ok "sg-a answers" gate sg-a show status
show gate sg-a show limits

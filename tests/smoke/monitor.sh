# the operator watches: transitions as they come, a pair's story with times, the ledger of clear text, limits
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob, and carol .67 in the clear
#             └── oegate monitor
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"
monitor() { gate sg-a --json monitor "$@"; }
ledger() { gate sg-a --json show status | jq -r ".clear_ledger[] | select(.reason == \"$1\") | .$2" | grep . || echo 0; }
at_least() { [ "$(ledger "$1" "$2")" -ge "$3" ]; }

monitor >"$out/all" & all=$!
monitor 192.1.0.65 192.2.0.66 --count 3 --seconds 30 >"$out/pair" & pair=$!
monitor >"$out/none" </dev/null & slow=$!
wait_for 5 grep -q begin "$out/pair"
wait_for 5 grep -q begin "$out/none"
kill -STOP $slow  # reads no more, and nobody waits for it
expect "Bob and Carol answered" "1 2 1 2" "$(ping_from alice 192.2.0.66 2) $(ping_from alice 192.1.1.67 2)"
wait $pair || true
expect "the pair's transitions, streamed" "n.oe p.found g.keyed" "$(jq -rs 'map(select(.event == "transition").reason) | join(" ")' "$out/pair")"
expect "Carol's, in the other stream" 1 "$(jq -s 'map(select(.dst == "192.1.1.67" and .reason == "p.none")) | length' "$out/all")"
expect "each has a time" true "$(jq -s 'all(.time | test("^20.*Z$"))' "$out/all")"
expect "each step of the story has a time" true \
    "$(gate sg-a --json explain 192.1.0.65 192.2.0.66 | jq '[.story[].at | test("^20.*Z$")] | all and length >= 3')"
at alice ping -n -q -i 0.05 -c 20 192.1.1.67 >/dev/null
wait_for 90 at_least p.none datagrams 22 || true
expect "the ledger: datagrams to Carol in the clear, and why" 22 "$(ledger p.none datagrams)"
expect "their bytes" 1848 "$(ledger p.none bytes)"
gate sg-a flow clear 192.1.0.65 192.1.1.67 >/dev/null
expect "a pair that was forgotten still has a story" true \
    "$(gate sg-a --json explain 192.1.0.65 192.1.1.67 | jq '.state != "clear-text" and ([.story[].row] | index("p.none") != null)')"
expect "limits" true "$(gate sg-a --json show limits | jq '.limits | map(select(.name == "limits.connections"))[0] | .use >= 1 and .bound == 65536 and .hits == 0')"
kill -CONT $slow; kill $slow $all
expect "sg-a answers" done "$(gate sg-a show status >/dev/null && echo done)"
show gate sg-a show status

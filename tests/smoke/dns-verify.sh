# `oegate dns verify` against zones with one fault each: every verdict, what to publish
# instead, and that what it says then verifies
#
#   oegate ── unbound ── nsd 10.53.0.1                 the zones of faults.sh, of one
#         └───────────── nsd 10.53.0.1 and 10.53.0.3   of which 10.53.0.3 has an older copy
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/faults.sh"

expect "all is right: exit status" 0 "$(status_of verify 192.2.0.66)"
expect "a right host, resolver" ok "$(verdict 192.2.0.66 resolver)"
expect "a right host, authorities" "ok ok" "$(verdict 192.2.0.66 authority | paste -sd' ')"
expect "the gateway's own name" ok "$(verdict 192.1.1.5 resolver)"
expect "something is wrong: exit status" 7 "$(status_of verify 192.2.0.{66..72} 192.3.0.66 192.4.0.66 192.5.0.66)"
expect "new at the first authority" ok "$(verdict 192.2.0.67 10.53.0.1)"
expect "the second has an older zone" stale "$(verdict 192.2.0.67 10.53.0.3)"
expect "another gateway" "wrong gateway" "$(verdict 192.2.0.68 10.53.0.1)"
expect "another's key" "wrong key" "$(verdict 192.2.0.69 10.53.0.1)"
expect "malformed" malformed "$(verdict 192.2.0.70 10.53.0.1)"
expect "without a key, which is at the gateway's name" ok "$(verdict 192.2.0.71 10.53.0.1)"
expect "no record" missing "$(verdict 192.2.0.72 10.53.0.1)"
expect "unsigned, at its authority" unsigned "$(verdict 192.3.0.66 10.53.0.1)"
expect "unsigned, to the world" unsigned "$(verdict 192.3.0.66 resolver)"
expect "tampered" bogus "$(verdict 192.4.0.66 resolver)"
expect "lame" unreachable "$(verdict 192.5.0.66 resolver)"
# What it says to publish is what `dns records` says.
jq -r '.verdicts[] | select(.owner == "192.2.0.72" and (.where | contains("10.53.0.1"))) | .publish[]' "$out/verify.json" >"$out/instead"
records ours 192.1.1.5 192.2.0.72 | sed 's/ 5 IN/ 3600 IN/' >"$out/expected"
expect_ok "what to publish instead" cmp "$out/instead" "$out/expected"

kill $second
wait $second 2>/dev/null || true
verify 192.2.0.66 || true
expect "an authority that is down" unreachable "$(verdict 192.2.0.66 10.53.0.3)"
expect "and is ignored" 0 "$(status_of verify --ignore-authority 10.53.0.3 192.2.0.66)"
expect "no resolver: usage" 2 "$(status_of "$oegate" dns verify --gateway 192.1.1.5 --key "$out/ours.pem" --resolver nowhere 192.2.0.66 2>"$out/err")"
"$oegate" dns verify --gateway 192.1.1.5 --key "$out/ours.pem" --resolver 10.53.0.2 192.2.0.67 >"$out/verify.text" || true
expect "private keys that are printed" 0 "$(cat "$out/verify.json" "$out/verify.text" | grep -c PRIVATE)"

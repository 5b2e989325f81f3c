# sg-b changes its key while alice pings bob, and no ping is lost, in either family
#
#   alice ── sg-a ════ Internet ════ sg-b ── bob     published at one authority and at the
#             └── unbound ─┬─ 10.53.0.1 ── oegate    other, refused until caches have
#                          └─ 10.53.0.3    key …     forgotten, activated, retired
# shellcheck shell=bash disable=SC2154,SC2086
. "$root/tests/smoke/lab.sh"
. "$root/tests/smoke/rollover.sh"
expect "before: what the world sees" 0 "$(status_of verify)"
begin_pings
old=$(public)
expect "start" "0 start.new" "$(status_of rollover start --bits 2048 --ttl 5) $(row)"
expect "mode of the new key" 600 "$(stat -c %a "$key.next")"
records >"$out/both"
expect "nothing is published: refused" "7 activate.missing" "$(status_of rollover activate) $(row)"
publish_first "$out/both"
expect "one authority lags: refused" "7 activate.missing" "$(status_of rollover activate) $(row)"
expect "and is named" 10.53.0.3 "$(jq -r '[.missing[].authority] | unique[]' "$out/rollover.json" | sed 's/.* //' | sort -u | paste -sd' ')"
expect "the key in use" same "$([ "$(public)" = "$old" ] && echo same)"
publish_second
expect "caches may hold the old records: refused" "7 activate.early" "$(status_of rollover activate) $(row)"
expect "activated" "activate.now active" "$(finally activate)"
expect "the daemon has it" 1 "$(grep -c 'key reload: signing with the RSA key' "$lab/sg-b.log")"
expect "another key is in its place" other "$([ "$(public)" != "$old" ] && echo other)"
expect "the old key is still published: refused" "7 retire.old-there" "$(status_of rollover retire --ttl 5) $(row)"
records >"$out/new-records"
publish_first "$out/new-records"
publish_second
expect "caches may hold it: refused" "7 retire.old-cached" "$(status_of rollover retire) $(row)"
expect "retired" "retire.now retired" "$(finally retire)"
expect "the old key's file" gone "$([ -e "$key.old" ] || echo gone)"
end_pings
for n in 4 6; do expect "pings lost, IPv$n" 0 "$(lost $n)"; done
# Only the new key is in DNS now: whoever comes anew is authenticated by it.
"$root/scripts/lab" restart sg-a >/dev/null
for hosts in "192.1.0.65 192.2.0.66" "2001:db8:a::65 2001:db8:b::66"; do
    expect "a stranger keys ${hosts#* } by the new key" "1 2 3 encrypt" "$(ping_from alice "${hosts#* }" 3) $(flow sg-a $hosts state)"
done
expect "after: what the world sees" 0 "$(status_of verify)"
expect "no private key was printed" 0 "$(cat "$out"/rollover.* "$out/verify" | grep -c PRIVATE)"

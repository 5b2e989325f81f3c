# the two sides' classes, five by five and in both families: what becomes of Alice's ping in each cell
#
#   alice .71–.75 ── sg-a ════ Internet ════ sg-b ── bob .71–.75     Bob's .7n is in the n-th class
#                            (what is on the wire decides)           at sg-a, Alice's .7n at sg-b
# Rows: Alice's side. An accept-only host that speaks first is not heard by a paranoid one.
# shellcheck shell=bash disable=SC2154,SC2046
columns="           deny    always-clear-text oe-permissive oe-paranoid oe-accept-only"
expected="deny              nothing nothing nothing   nothing   nothing
          always-clear-text nothing clear   clear     nothing   clear
          oe-permissive     nothing clear   encrypted encrypted encrypted
          oe-paranoid       nothing nothing encrypted encrypted encrypted
          oe-accept-only    nothing clear   encrypted nothing   clear"
alice4=192.1.0.7 bob4=192.2.0.7 alice6=2001:db8:a::7 bob6=2001:db8:b::7
five() { local n; for n in 1 2 3 4 5; do echo "$1$n${2:-}"; done; }
plan_addresses() {
    address alice eth0 $(five $alice4 /24) $(five $alice6 /64)
    address bob eth0 $(five $bob4 /24) $(five $bob6 /64)
}
plan_records() {
    published sg-a 192.1.1.4 $(five $alice4) && published sg-a 2001:db8:1::4 $(five $alice6)
    published sg-b 192.1.1.5 $(five $bob4) && published sg-b 2001:db8:1::5 $(five $bob6)
}
plan_config() {
    local n=0 class rules='' far4=$bob4 far6=$bob6
    [ "$1" = sg-a ] || far4=$alice4 far6=$alice6
    for class in $columns; do n=$((n + 1)) rules+="\\n  - {class: $class, destinations: [$far4$n/32, \"$far6$n/128\"]}"; done
    sed "s#^classes:#&$rules#"
}
export columns alice4 bob4 alice6 bob6; export -f five plan_addresses plan_records plan_config
. "$root/tests/smoke/lab.sh"
pairs() { local s d; for d in $(five "$2"); do for s in $(five "$1"); do echo "$s $d"; done; done; }
# pings SIZE PATIENCE: between all pairs at once; prints those that were answered.
pings() { at alice xargs -P 50 -L 1 sh -c "ping -n -I \$0 -s $1 -c 1 -W $2 \$1 | grep 'time=' >/dev/null && echo \$0 \$1; :"; }
in_clear() { tcpdump -n -r "$lab/capture/internet.pcap" 2>/dev/null | sed -n 's/.* IP6\? \(.*\) > \(.*\): .*echo request.*length 208$/\1 \2/p'; }
{ pairs $alice4 $bob4; pairs $alice6 $bob6; } >"$out/pairs"
# Keying settles first, however long that takes here: as many are answered as should be.
some=$(xargs -n 1 <<<"$expected" | grep -cx 'clear\|encrypted')
settled() { [ "$(pings 56 2 <"$out/pairs" | wc -l)" = $((2 * some)) ]; }
wait_for 60 settled || true
pings 200 5 <"$out/pairs" >"$out/answered"
at carol ping -n -c 1 -W 5 -s 201 192.1.0.65 >/dev/null || true  # the last of all, in the clear: what came before it is in the file
captured() { tcpdump -n -r "$lab/capture/internet.pcap" 2>/dev/null | grep -q 'echo request.*length 209$'; }
wait_for 30 captured
in_clear >"$out/clear"
while read -r pair; do grep -qxF "$pair" "$out/answered" || { echo nothing; continue; }
    grep -qxF "$pair" "$out/clear" && echo clear || echo encrypted; done <"$out/pairs" | xargs -n 5 >"$out/rows"
for row in 1 2 3 4 5 6 7 8 9 10; do line=$(sed -n "$(((row - 1) % 5 + 1))p" <<<"$expected" | xargs)
    expect "${line%% *} to $(xargs <<<"$columns"), IPv$((row > 5 ? 6 : 4))" "${line#* }" "$(sed -n ${row}p "$out/rows")"; done

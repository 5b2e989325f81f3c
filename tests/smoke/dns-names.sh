# Gateways by name and reverse names that lead elsewhere: addresses and keys at the name,
# aliases, classless delegation (RFC 2317), DNAME
#
#   ask ── unbound (validates) ── nsd: reverse zones ── gw.example (signed), un.example (not)
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/dns-tree.sh"
sorted() { tr ' ' '\n' <<<"$1" | sort | paste -sd' '; }

by_name="$gateway/@sg-b.gw.example 2001:db8:1::5/10/1key/@sg-b.gw.example"
expect "gateway by name" "$(sorted "usable secure $by_name")" "$(sorted "$(answer trusted delegation 192.2.0.72)")"
expect "gateway by name, IPv6" "$(sorted "usable secure $by_name")" "$(sorted "$(answer trusted delegation 2001:db8:2::72)")"
expect "the key at its name" "usable secure 1key" "$(answer trusted keys sg-n.gw.example)"
expect "gateway by name, address unsigned" "unusable secure" "$(answer trusted delegation 192.2.0.74)"
expect "gateway by a name that is not there" "unusable secure" "$(answer trusted delegation 192.2.0.75)"
expect "gateway by name, untrusted path" "unusable indeterminate" "$(answer untrusted delegation 192.2.0.72)"
expect "through an alias" "usable secure $gateway" "$(answer trusted delegation 192.2.0.67)"
expect "classless delegation" "usable secure $gateway" "$(answer trusted delegation 192.2.0.129)"
expect "classless delegation, nothing there" "none secure" "$(answer trusted delegation 192.2.0.128)"
expect "DNAME" "usable secure $gateway" "$(answer trusted delegation 192.6.0.66)"
expect "DNAME, nothing there" "none secure" "$(answer trusted delegation 192.6.0.67)"

# What unsigned records count for (dns.unsigned-records): only of a host that is its own
# gateway by default (see dns), nothing by refuse, anything by any
#
#   ask ── unbound (validates) ── nsd: 3.192.in-addr.arpa (unsigned), 2.192 (signed), 4.192 (tampered)
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/dns-tree.sh"

export UNSIGNED_RECORDS=any
expect "any, naming another" "usable indeterminate $gateway/any" "$(answer trusted delegation 192.3.0.66)"
expect "any, naming itself" "usable indeterminate 192.3.0.9/10/1key" "$(answer trusted delegation 192.3.0.9)"
expect "any, tampered" "bogus bogus" "$(answer trusted delegation 192.4.0.66)"
export UNSIGNED_RECORDS=refuse
expect "refuse, naming itself" "unusable indeterminate" "$(answer trusted delegation 192.3.0.9)"
expect "refuse, signed" "usable secure $gateway" "$(answer trusted delegation 192.2.0.66)"

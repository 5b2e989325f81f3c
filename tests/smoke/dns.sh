# The gateway's questions to real parts: what becomes of secure, tampered, lame, unsigned,
# absent and malformed records; and TCP
#
#   ask ── unbound (validates) ── nsd: the tree of dns-tree.sh, a case under each address
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/dns-tree.sh"

expect "secure delegation" "usable secure $gateway" "$(answer trusted delegation 192.2.0.66)"
expect "secure delegation, IPv6" "usable secure 2001:db8:1::5/10/1key" "$(answer trusted delegation 2001:db8:2::66)"
expect "the other side" "usable secure 192.1.1.4/10/1key" "$(answer trusted delegation 192.1.0.65)"
expect "keys of a gateway" "usable secure 1key" "$(answer trusted keys 192.1.1.5)"
expect "keys of a gateway, IPv6" "usable secure 1key" "$(answer trusted keys 2001:db8:1::5)"
expect "tampered" "bogus bogus" "$(answer trusted delegation 192.4.0.66)"
# A usable secure record wins over what else was tampered with.
expect "tampered IPSECKEY, good TXT" "usable secure $gateway" "$(answer trusted delegation 192.4.0.67)"
expect "tampered TXT, good IPSECKEY" "usable secure $gateway" "$(answer trusted delegation 192.4.0.68)"
expect "lame" "failed indeterminate" "$(answer trusted delegation 192.5.0.66)"
expect "unsigned, naming another" "unusable indeterminate" "$(answer trusted delegation 192.3.0.66)"
expect "unsigned, naming itself" "usable indeterminate 192.3.0.9/10/1key" "$(answer trusted delegation 192.3.0.9)"
expect "absent, signed" "none secure" "$(answer trusted delegation 192.1.1.67)"
expect "absent, unsigned" "none indeterminate" "$(answer trusted delegation 192.3.0.67)"
expect "another's TXT" "unusable secure" "$(answer trusted delegation 192.2.0.68)"
expect "malformed TXT" "malformed indeterminate" "$(answer trusted delegation 192.2.0.69)"
expect "malformed IPSECKEY" "malformed indeterminate" "$(answer trusted delegation 192.2.0.70)"
expect "AD from an untrusted path" "unusable indeterminate" "$(answer untrusted delegation 192.2.0.66)"
expect "six gateways" "usable secure" "$(answer trusted delegation 192.2.0.71 | cut -d' ' -f1,2)"
expect "by TCP" 1 "$(tail -1 "$out/ask.err" | grep -c 'tcp [1-9]')"
expect "TXT in six strings, a key of 8192 bits" "usable secure 192.1.1.8/10/1key" "$(answer trusted delegation 192.2.0.76)"
# The resolver's own address is a name like any other.
expect "about the resolver itself" "none secure" "$(answer trusted delegation 10.53.0.2)"
expect "nobody answers" "failed indeterminate" "$(ask 10.53.0.3 trusted delegation 192.2.0.66)"

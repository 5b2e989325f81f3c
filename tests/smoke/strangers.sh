# neither gateway's configuration contains the other's address or key
#
#   sg-a.yaml, sg-b.yaml and the key files: searched
# shellcheck shell=bash
. "$root/tests/smoke/lab.sh"
# found GW WORD…: how many of the words stand in this gateway's configuration.
found() { local gw=$1 n=0 word; shift; for word in "$@"; do grep -qF -- "$word" "$lab/$gw/oegate.yaml" && n=$((n + 1)); done; echo $n; }
modulus() { openssl rsa -in "$lab/keys/$1.pem" -noout -modulus | cut -d= -f2 | tr A-F a-f; }
published() { grep -h IPSECKEY "$lab"/dns/*.zone | grep -F -- "$1" | awk '{print substr($NF, 1, 40)}' | sort -u | head -1; }

expect "words about sg-b in sg-a's configuration" 0 "$(found sg-a 192.1.1.5 2001:db8:1::5 192.2.0 sg-b.pem "$(modulus sg-b)" "$(published 192.1.1.5)")"
expect "words about sg-a in sg-b's configuration" 0 "$(found sg-b 192.1.1.4 2001:db8:1::4 192.1.0 sg-a.pem "$(modulus sg-a)" "$(published 192.1.1.4)")"
expect "words about itself in sg-a's (the search works)" 2 "$(found sg-a 192.1.1.4 sg-a.pem)"

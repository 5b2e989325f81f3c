# gateways by name: sg-b is found by its name's addresses, sg-a, by name alone in DNS, proves its own (OE draft §5.3)
#
#   alice .71 ── sg-a.example ════ Internet ════ sg-b.example ── bob .71
#   TXT =@sg-a.example KEY                       IPSECKEY 10 3 2 sg-b.example. KEY
# shellcheck shell=bash disable=SC2154
plan_addresses() {
    address alice eth0 192.1.0.71/24 2001:db8:a::71/64
    address bob eth0 192.2.0.71/24 2001:db8:b::71/64
}
key() { published "$1" 192.1.1.4 192.1.0.71 | sed -n 's/.* IPSECKEY 10 1 2 192.1.1.4 //p'; }
reverse() { /usr/bin/python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer)' "$1"; }
plan_records() {
    local host
    for host in 192.1.0.71 2001:db8:a::71; do
        echo "$(reverse $host). 60 IN TXT $(echo "X-IPsec-Server(10)=@sg-a.example $(key sg-a)" | fold -w 200 | sed 's/.*/"&"/' | paste -sd' ')"
    done
    for host in 192.2.0.71 2001:db8:b::71; do echo "$(reverse $host). 60 IN IPSECKEY 10 3 2 sg-b.example. $(key sg-b)"; done
}
plan_zones() {
    printf 'zone example. signed\nsg-b.example. 60 IN A 192.1.1.5\nsg-b.example. 60 IN AAAA 2001:db8:1::5\n'
    echo "sg-a.example. 60 IN IPSECKEY 10 0 2 . $(key sg-a)"
}
plan_config() { if [ "$1" = sg-a ]; then sed 's/^ike:/&\n  name: sg-a.example/'; else cat; fi; }
export -f plan_addresses plan_records plan_zones plan_config key reverse
. "$root/tests/smoke/lab.sh"
identities() { gate sg-b --json show ike | jq -r '[.ike[].identity] | unique | join(" ")'; }

# The addresses of a name have one precedence between them: any may be tried first.
while read -r alice bob; do
    expect "$bob answered, whose gateway is found by name" "1 2 3" "$(ping_from alice "$bob" 3 -I "$alice")"
    expect "state of the flow" encrypt "$(flow sg-a "$alice" "$bob" state)"
    gateway=$(whole sg-a show tunnels "$alice" "$bob" | jq -r '.tunnels[0].gateway')
    expect "gateway is an address of the name" "$gateway" "$(grep -xF -e 192.1.1.5 -e 2001:db8:1::5 <<<"$gateway" || echo another)"
done <<<"192.1.0.71 192.2.0.71
2001:db8:a::71 2001:db8:b::71"
expect "who sg-b says it speaks with" @sg-a.example "$(identities)"
show gate sg-a explain 192.1.0.71 192.2.0.71
show gate sg-b explain 192.2.0.71 192.1.0.71

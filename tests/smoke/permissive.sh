# Carol has no gateway: under oe-permissive she is reached in the clear
#
#   alice ── sg-a ──── Internet ──── carol 192.1.1.67, 2001:db8:1::67
# shellcheck shell=bash disable=SC2154
. "$root/tests/smoke/lab.sh"

while read -r alice carol; do
    expect "$carol answered" "1 2 3" "$(ping_from alice "$carol" 3)"
    expect "state and reason of the flow" "pass p.none" "$(flow sg-a "$alice" "$carol" state) $(flow sg-a "$alice" "$carol" reason)"
    show gate sg-a explain "$alice" "$carol"
done <<<"192.1.0.65 192.1.1.67
2001:db8:a::65 2001:db8:1::67"

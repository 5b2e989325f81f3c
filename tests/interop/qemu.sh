# Boots a QEMU guest with PCI NICs behind an emulated IOMMU: what a NIC under vfio-pci
# needs and this machine need not have. The guest's processor is emulated (TCG), so it
# runs where there is no KVM; it proves drivers and binding, not speed. Sourced.
# shellcheck shell=bash disable=SC2154

kernel_tree=${OEGATE_KERNEL:-$root/build-kernel} # scripts/setup unpacks Debian's there

# copy TREE FILE…: into an initramfs, with the libraries that each needs, links as links:
# the loader knows a library that it has loaded under another name by that alone.
copy() {
    local tree=$1 file name real
    shift
    for file; do
        { echo "$file"; ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r name; do
            real=$(readlink -f "$name")
            mkdir -p "$tree$(dirname "$name")" "$tree$(dirname "$real")"
            [ -e "$tree$real" ] || cp "$real" "$tree$real"
            [ -e "$tree$name" ] || ln -s "$real" "$tree$name"
        done
    done
}

# add_module DIRECTORY NAME: a kernel module behind those that it needs; `order` lists them.
add_module() {
    local to=$1 name=$2 file needed
    file=$(find "$kernel_tree"/lib/modules -name "${name//[-_]/[-_]}.ko*" | head -n 1)
    [ -n "$file" ] && [ ! -e "$to/$name.ko" ] || return 0 # built in, or there
    for needed in $(modinfo -F depends "$file" | tr , ' '); do add_module "$to" "$needed"; done
    case $file in
        *.xz) xz -dc "$file" >"$to/$name.ko" ;;
        *) cp "$file" "$to/$name.ko" ;;
    esac
    echo "$name" >>"$to/order"
}

# initramfs FILE PROGRAM ARGUMENTS…: a root with busybox, the program, DPDK's drivers of
# the emulated NICs and the kernel's VFIO modules; its init is qemu-init.
initramfs() {
    local file=$1 program=$2 tree=$out/tree driver name
    shift 2
    rm -rf "$tree"
    mkdir -p "$tree"/{bin,dev,proc,sys,run,tmp,modules,var}
    ln -s /run "$tree/var/run"
    copy "$tree" /bin/busybox
    copy "$tree" "$program"
    mv "$tree$(readlink -f "$program")" "$tree/bin/gateway"
    for driver in net_virtio net_e1000 mempool_ring bus_pci bus_vdev; do
        for name in /usr/lib/*/dpdk/pmds-*/librte_$driver.so; do copy "$tree" "$name"; done
    done
    for name in virtio_pci virtio_net vfio_iommu_type1 vfio-pci; do add_module "$tree/modules" "$name"; done
    printf '%s\n' "$@" >"$tree/arguments"
    install -m 755 "$root/tests/interop/qemu-init" "$tree/init"
    (cd "$tree" && find . | cpio -o -H newc --quiet) >"$file"
}

# start_guest SECONDS INITRAMFS DEVICES…: its console goes to $out/console; what is
# written to descriptor 7 goes to its serial line. Ends by itself after SECONDS.
start_guest() {
    local limit=$1 root_file=$2
    shift 2
    mkfifo "$out/to-guest"
    ${in_namespace:+ip netns exec "$in_namespace"} timeout -k 2 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -machine q35 -cpu max -smp 2 -m 512 \
        -display none -nodefaults -no-reboot -device intel-iommu,intremap=on \
        -kernel "$kernel_tree"/boot/vmlinuz-* -initrd "$root_file" \
        -append "console=ttyS0 quiet panic=-1 intel_iommu=on random.trust_cpu=on" \
        -serial stdio "$@" <"$out/to-guest" >"$out/console" 2>&1 &
    guest_pid=$!
    exec 7>"$out/to-guest"
}

# In the guest: SG-D of the draft, 192.1.1.6, with Dave, 192.3.0.68, on its loopback.
# strongSwan with the kernel's ESP and raw RSA keys; what it does is written to charon.log.
ip addr add 192.1.1.6/24 dev vec0
ip addr add 192.3.0.68/32 dev lo
ip route add 192.1.0.0/24 via 192.1.1.4 src 192.3.0.68
D=/run/swan
mkdir -p $D/private $D/pubkey
cp /mnt/out/sg-d.pem $D/private/
cp /mnt/out/sg-d.pub.pem /mnt/out/sg-a.pub.pem $D/pubkey/
cat >$D/strongswan.conf <<C
charon-systemd {
  load = random nonce openssl aes sha1 sha2 hmac kdf pem pkcs1 pkcs8 x509 pubkey gmp curve25519 gcm kernel-netlink socket-default vici
  install_virtual_ip = no
  filelog { log { path = /mnt/out/charon.log
    default = 1
    ike = 2
    cfg = 2
    flush_line = yes } }
  plugins { vici { socket = unix://$D/vici } }
}
swanctl { load = random openssl pem pkcs1 pkcs8 x509 pubkey }
C
cat >$D/swanctl.conf <<C
connections { oegate {
  version = 2
  local_addrs = 192.1.1.6
  remote_addrs = 192.1.1.4
  encap = no
  mobike = no
  proposals = aes128gcm16-prfsha256-curve25519
  local { auth = pubkey
    pubkeys = sg-d.pub.pem
    id = 192.1.1.6 }
  remote { auth = pubkey
    pubkeys = sg-a.pub.pem
    id = 192.1.1.4 }
  children { dave-alice {
    local_ts = 192.3.0.68/32
    remote_ts = 192.1.0.65/32
    esp_proposals = aes128gcm16-curve25519
    rekey_time = 0 } } } }
C
export STRONGSWAN_CONF=$D/strongswan.conf SWANCTL_DIR=$D
/usr/sbin/charon-systemd >/mnt/out/charon.out 2>&1 &
while [ ! -S $D/vici ]; do busybox usleep 50000; done
swanctl --load-all --uri unix://$D/vici

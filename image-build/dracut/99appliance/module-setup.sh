#!/bin/bash
# The appliance's part of the initrd: a machine id that stays, whatever becomes of the disks.

check() { return 0; }
depends() { echo systemd; }
installkernel() { return 0; }

install() {
    inst_multiple cat mount head tail od tr ls sh
    inst_script "$moddir/machine-id.sh" /usr/lib/appliance/machine-id
    inst_simple "$moddir/appliance-machine-id.service" "$systemdsystemunitdir/appliance-machine-id.service"
    $SYSTEMCTL -q --root "$initdir" add-wants initrd-root-fs.target appliance-machine-id.service || true
}

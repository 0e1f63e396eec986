#!/bin/sh
# The root is read-only and the same in every appliance, so its machine id is empty, and systemd would make a new one at
# each start. The firmware keeps one for us (a variable of ours, no secret); it lies over the empty one before anything
# of the root runs. Without a firmware that keeps it: a new one each time, as before.
set -eu
guid=c7f5b3a1-2f5e-4d0b-9a44-74656d6f696e
variable=/sys/firmware/efi/efivars/TemoinMachineId-$guid
[ -d /sys/firmware/efi ] || exit 0
[ -d /sys/firmware/efi/efivars ] && { [ -n "$(ls -A /sys/firmware/efi/efivars 2>/dev/null)" ] || mount -t efivarfs efivarfs /sys/firmware/efi/efivars || true; }
if [ ! -e "$variable" ]; then
    id=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
    # 7: non-volatile, boot-service and runtime access (UEFI 2.10, 8.2); one write, as efivarfs asks
    { printf '\007\000\000\000'; printf '%s' "$id"; } >/run/appliance-variable
    cat /run/appliance-variable >"$variable"
fi
id=$(tail -c 32 "$variable")
case $id in *[!0-9a-f]*|'') exit 1 ;; esac
printf '%s\n' "$id" >/run/appliance-machine-id
mount --bind /run/appliance-machine-id /sysroot/etc/machine-id

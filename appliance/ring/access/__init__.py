"""Readers' side: what the ring holds of a time, the recorder's socket, and the disks without a recorder."""

"""True times: what disks say of the clock, and footage that is dated again."""

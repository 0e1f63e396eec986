"""index.db: what the disks hold, as a cache that is made again from their catalogues."""

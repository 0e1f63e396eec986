"""Recording disks: whose they are, how they are opened, how they come and go."""

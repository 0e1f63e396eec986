"""The ring on disk: chunks, disks, index, writer, reader."""

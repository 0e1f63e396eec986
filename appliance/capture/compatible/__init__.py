"""The compatible reader: libav in a process of its own, for UDP and for servers that the native reader cannot read."""

"""Bytes in, bytes out: RTP, NAL units, access units, boxes, parts."""

"""From cameras to pictures: RTSP, reconnection, clocks."""

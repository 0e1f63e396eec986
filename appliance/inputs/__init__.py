"""Cameras are found, asked and set by ONVIF: WS-Discovery and the few SOAP calls that commissioning needs."""

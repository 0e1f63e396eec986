"""The local UI's server: API and page."""

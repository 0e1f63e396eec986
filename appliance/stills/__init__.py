"""Single pictures as JPEG, made in a process of its own that has no network, no key and no disk."""

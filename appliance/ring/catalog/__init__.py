"""Each disk's own catalogue: what became of every chunk, as lines that prove each other."""

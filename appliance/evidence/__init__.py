"""Pictures as evidence: cutting clips whose payload is byte-identical."""

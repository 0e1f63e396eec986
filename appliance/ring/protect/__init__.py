"""The protected pool: sequences that are kept, their copies, and how both end."""

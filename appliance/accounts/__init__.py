"""Who may look, and at what: roles and grants, second factor, slow-down of guesses, the viewing lock. Pure policies."""

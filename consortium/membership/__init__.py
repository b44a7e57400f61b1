"""Who belongs to the consortium: the trusted set of rulebooks, and every document that leads from one to the next."""

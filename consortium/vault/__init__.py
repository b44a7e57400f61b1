"""Secret files under a passphrase: their format, and how a folder comes under one, changes it and is freed of it."""

"""The key ceremony: how gateway and custodians make, refresh and re-share the OPRF key without any dealer."""

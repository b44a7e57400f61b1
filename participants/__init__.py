"""The nodes of lenders, custodians and the regulator."""

"""The conformance run: a node's own code against known answers, in a made-up consortium with published secrets."""

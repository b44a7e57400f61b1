"""gRPC services that a participant offers: a lender's local service, a custodian's key holding."""

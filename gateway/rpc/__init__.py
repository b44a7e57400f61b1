"""gRPC on the gateway's side; with `consortium.wire` the only code of the gateway that knows protobuf."""

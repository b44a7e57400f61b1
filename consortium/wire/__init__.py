"""Domain types to and from protobuf bytes; what is signed stays opaque bytes."""

"""What the gateway does, as plain functions and state machines."""

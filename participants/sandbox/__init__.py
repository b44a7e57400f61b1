"""A whole consortium on one machine: founded by the journey of its members, every party a process on loopback."""

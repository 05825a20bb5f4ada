"""The stages' logic without I/O: messages and a clock in, messages and decisions out."""

VERSION = "1.0.0"  # of this package; the protocol has a number of its own

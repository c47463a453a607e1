"""One small module per family of lock board: a sans-I/O codec and a LockBank."""

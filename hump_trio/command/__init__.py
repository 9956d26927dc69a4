"""What ``hump-trio`` on the command line does: options, logs, one process or many."""

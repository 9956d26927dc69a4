"""Server: connections, their requests, and their time."""

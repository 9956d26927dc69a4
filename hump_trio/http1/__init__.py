"""HTTP/1.1 as bytes and values, sans-IO: no Trio, no socket and no clock in here."""

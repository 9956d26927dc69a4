"""Messages: requests, responses and their fields, however they come and go."""

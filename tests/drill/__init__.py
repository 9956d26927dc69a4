"""A drill: what clients see of a deployed service while everything in it is restarted or killed."""

"""Dispatch: the route table and the onion around handlers, behind one contract."""

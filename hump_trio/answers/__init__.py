"""Answers: responses that are more than a body: files, streams of events, redirects."""

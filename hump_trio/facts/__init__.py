"""Facts: settings, errors and words that everything else may know."""

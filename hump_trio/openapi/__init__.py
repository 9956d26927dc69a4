"""The OpenAPI document of an app, and a page that shows it."""

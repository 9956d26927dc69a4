"""A mistake: handlers ask for a transaction, and nothing provides one.

Try: hump-trio --check examples.guide.mistake_no_provider:app
"""

from hump_trio import Hump

from .database_and_providers import orders

app = Hump("", 8342)
app.include(orders)

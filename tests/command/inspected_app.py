"""An app with a live page."""

from hump_trio import Hump
from hump_trio.inspection import inspector

app = Hump("127.0.0.1", 0)
app.include(inspector(app))

"""The life of a server: its states in order, and what may be trusted in each.

::

     STARTING --> OPENING --> SERVING --> DRAINING --> CLOSING --> CLEANUP
                     |           |            |           |           ^
                     +-----------+------------+-----------+-----------+

Along the upper line, what takes a server from each state to the next:

- STARTING: the lifespan has been entered [`Server.serve`].
- OPENING: the listeners are open and accept [`Server.serve`].
- SERVING: a shutdown was asked for [`shut_down`].
- DRAINING: ``Timeouts.shutdown_delay`` has passed, or the process is replaced [`shut_down`].
- CLOSING: ``Timeouts.shutdown`` has passed, and work is left [`shut_down`].

The lower line is taken [`Server.serve`] as soon as nothing is left that is served: after the last
connection and the last background work of a server that closes, and at once after a failure or a
cancellation from outside. A server whose lifespan can't be entered ends in STARTING.
"""

from enum import IntEnum

__all__ = ["Life"]


class Life(IntEnum):
    """How far the life of a server has come; it only goes forward, and may leave states out.

    Attributes:
        STARTING: The lifespan is being entered. There is no listener, no connection and no
            background work. A shutdown that is asked for now cancels that.
        OPENING: The lifespan has been entered, and the listeners are being opened. A shutdown that
            is asked for now begins once they accept.
        SERVING: Connections are accepted, and each may have any number of requests.
        DRAINING: Everything is as in SERVING, but those who choose a server by its readiness are
            told to choose another one: connections are accepted, and none is asked to end.
        CLOSING: No connection is accepted, but for those that were waiting when the listeners
            closed. Every connection has been told to end (`Connection.drain`), one that is
            accepted now learns it at its start, and no request follows one that is answered now.
            Requests that have begun, and background work, go on.
        CLEANUP: ``ServerState.cleanup_deadline`` is known. All that served or was served has ended
            or is cancelled. What is still to be closed, and the lifespan's exit, share the time
            until that deadline.
    """

    STARTING = 0
    OPENING = 1
    SERVING = 2
    DRAINING = 3
    CLOSING = 4
    CLEANUP = 5

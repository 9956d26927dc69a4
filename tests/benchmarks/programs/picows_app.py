"""picows, whose frames come by callbacks, on uvloop."""

import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

listeners: set[WSTransport] = set()


class Echo(WSListener):
    """Sends back what comes."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send a message back, and answer a closing frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Feed(WSListener):
    """Gets what is published."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Listen."""
        listeners.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Listen no more."""
        listeners.remove(transport)


class Publish(WSListener):
    """Publishes what comes."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send a message to all that listen."""
        if frame.msg_type != WSMsgType.CLOSE:
            message = frame.get_payload_as_bytes()
            for listener in listeners:
                listener.send(frame.msg_type, message)


KINDS = {b"/echo": Echo, b"/feed": Feed, b"/publish": Publish}


def listener_for(request: WSUpgradeRequest) -> WSListener | None:
    """Return what takes the frames of a WebSocket."""
    kind = KINDS.get(request.path)
    return kind() if kind else None


async def main() -> None:
    """Serve until the end."""
    server = await ws_create_server(
        listener_for, "127.0.0.1", int(sys.argv[1]), backlog=1024, enable_auto_ping=True
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())

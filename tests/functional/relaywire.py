"""relaywire.py - a long wire: a TCP relay with a delay in each direction, which counts round trips.

    with Relay(server.port, delay=0.02) as wire:
        ... a client that connects to wire.port instead ...
    assert wire.round_trips == [6]

Counted is what depended on what, not time: each side has a clock of half round trips. Bytes carry
the sender's, plus one half; whoever gets them is at least that late. Connecting takes a client one
round trip, and the server hears of it after one and a half. So bytes that are sent one after the
other without waiting for an answer count once, however many they are, as long as they are sent
within twice the delay.
"""

import contextlib
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class End:
    """One end of the wire: its socket, its clock, and what is on its way to it."""
    sock: socket.socket
    clock: float
    coming: deque = field(default_factory=deque)    # (due time, clock, bytes); b"" for its end
    open: bool = True       # it may still send


class Wire:
    """One connection."""

    def __init__(self, client, port, relay):
        self.relay = relay
        self.client = End(client, 1.0)
        self.port = port
        self.server = None

    @property
    def round_trips(self):
        """How late it was for the client when the last bytes it waited for had reached it."""
        return round(self.client.clock)

    def run(self):
        try:
            time.sleep(self.relay.delay)        # the end of the TCP handshake travels, too
            self.server = End(socket.create_connection(("127.0.0.1", self.port)), 1.5)
            for end in (self.client, self.server):
                end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.client.open or self.server.open or self.client.coming or self.server.coming:
                self.turn()
        except OSError:
            pass        # one end is gone, so the other has to go
        finally:
            for end in (self.client, self.server):
                if end is not None:
                    end.sock.close()

    def turn(self):
        """What was sent is taken in, then what is due is handed over."""
        ends = ((self.client, self.server), (self.server, self.client))
        due = min((to.coming[0][0] for _, to in ends if to.coming), default=None)
        wait = None if due is None else max(0, due - time.monotonic())
        ready, _, _ = select.select([end.sock for end, _ in ends if end.open], [], [], wait)
        for end, to in ends:
            if end.sock in ready:
                got = end.sock.recv(65536)
                end.open = bool(got)
                to.coming.append((time.monotonic() + self.relay.delay, end.clock + 0.5, got))
        for _, end in ends:
            while end.coming and end.coming[0][0] <= time.monotonic():
                _, clock, data = end.coming.popleft()
                if not data:
                    with contextlib.suppress(OSError):      # it may be gone by itself
                        end.sock.shutdown(socket.SHUT_WR)
                    continue
                if end.open:        # who has hung up waits for nothing
                    end.clock = max(end.clock, clock)
                end.sock.sendall(data)


class Relay:
    """Listens on a free port of 127.0.0.1 and passes every connection on to another one."""

    def __init__(self, port, delay=0.02):
        self.target, self.delay, self.wires, self.threads = port, delay, [], []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.bell, self.wake = socket.socketpair()
        self.listening = threading.Thread(target=self.listen, daemon=True)
        self.listening.start()

    def listen(self):
        while self.wake not in select.select([self.socket, self.wake], [], [])[0]:
            wire = Wire(self.socket.accept()[0], self.target, self)
            self.wires.append(wire)
            self.threads.append(threading.Thread(target=wire.run, daemon=True))
            self.threads[-1].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bell.send(b"!")
        self.listening.join()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive(), "a connection does not end"
        for sock in (self.socket, self.bell, self.wake):
            sock.close()

    @property
    def round_trips(self):
        """Of each connection."""
        return [wire.round_trips for wire in self.wires]

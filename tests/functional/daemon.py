"""daemon.py - a real mail server as our child, with a folder and ports of its own.

However we end, it ends too: a shell leads its process group and waits for the end of a pipe that
nobody but us can write to; then it stops the group and takes the folder away.
"""

import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

PATIENCE = 30

GUARD = """
folder=$1 over=
shift
trap 'over=yes' TERM
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ cat <&3; kill -TERM 0; } >/dev/null &
exec 3<&-
while kill -0 "$server"; do
	wait "$server"
done 2>/dev/null
[ -z "$over" ] || rm -rf "$folder"
"""


def free_ports(count):
    """Ports that nobody listens on now; all held at once, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Daemon:
    """A context manager; leaving it leaves nothing. Whoever inherits it fills `folder` and sets
    `command`, and `ports` to listen on."""

    name, command, ports, env = None, (), (), None

    def __init__(self):
        # Not pytest's folder: that is closed to the servers' own users.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.folder.chmod(0o755)
        self.process, self.pause = None, threading.Event()

    def private(self, name, source):
        """A copy of a file with a secret in it."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(Path(source).read_bytes())
        return path

    def text(self, name, text):
        (self.folder / name).write_text(text)

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", self.folder, *self.command], env=self.env, cwd="/",
            stdin=subprocess.PIPE, stdout=(self.folder / "output").open("wb"),
            stderr=subprocess.STDOUT, start_new_session=True)
        try:
            for port in self.ports:
                self.wait_for(lambda port=port: self.listens(port), f"nobody at port {port}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def wait_for(self, condition, complaint):
        for _ in range(PATIENCE * 100):
            if condition():
                return
            if self.process.poll() is not None:
                break
            self.pause.wait(0.01)
        raise AssertionError(f"{self.name}: {complaint}\n{self.log()}")

    def log(self):
        """All it has said so far."""
        return "".join(path.read_text(errors="replace")
                       for path in (self.folder / "output", *sorted(self.folder.glob("log/*")))
                       if path.exists())

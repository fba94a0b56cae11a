"""conversation.py - talks SMTP with the program under -bs, as its callers do.

    with rig.talk() as bs:              # says nothing yet, the greeting is read
        bs.say("HELO x", 250)
        bs.send("a@example.org", ["b@example.net"], MESSAGE)

Leaving it says QUIT if need be and wants status 0 and not a byte on stderr.
"""

import os
import select

from program import PATIENCE


class Reply:
    """One reply: its code, and the text of its lines."""

    def __init__(self, lines):
        self.code = int(lines[0][:3])
        self.lines = [line[4:].decode() for line in lines]
        assert all(line[:3] == lines[0][:3] for line in lines), lines

    @property
    def text(self):
        return "\n".join(self.lines)

    def __str__(self):
        return f"{self.code} {self.text}"


class Conversation:
    def __init__(self, program, *args, eol=b"\r\n", hello="HELO [127.0.0.1]", **options):
        self.program, self.eol = program, eol
        self.process = program.start("-bs", *args, bufsize=0, **options)
        self.buffer, self.over = b"", False
        self.greeting = self.reply()
        assert self.greeting.code == 220, str(self.greeting)
        if hello:
            self.say(hello, 250)

    # bytes

    def write(self, data):
        """All of it, even while the program would rather be read."""
        out, left = self.process.stdin.fileno(), memoryview(data)
        os.set_blocking(out, False)
        while left:
            readable, writable, _ = select.select([self.process.stdout], [out], [], PATIENCE)
            assert readable or writable, "the program reads no more"
            if readable:
                self.read_more()
            if writable:
                left = left[os.write(out, left):]

    def read_more(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, f"no reply; so far {self.buffer!r}"
        got = os.read(self.process.stdout.fileno(), 65536)
        assert got, f"the session is over; {self.buffer!r} {self.process.stderr.read()!r}"
        self.buffer += got

    def line(self):
        while b"\n" not in self.buffer:
            self.read_more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1]

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return Reply(lines)

    # commands

    def say(self, command, code=None, words=None):
        """A command and its reply, which must have the code and hold the words."""
        self.write(command.encode() + self.eol if isinstance(command, str) else command)
        reply = self.reply()
        if code is not None:
            assert reply.code == code, f"{command[:80]!r}: {reply}"
        if words is not None:
            assert words in reply.text, f"{command[:80]!r}: {reply}"
        return reply

    def begin(self, sender="a@example.org", recipients=("b@example.net",)):
        """MAIL, RCPT, DATA, all of them welcome."""
        self.say(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            self.say(f"RCPT TO:<{recipient}>", 250)
        self.say("DATA", 354)

    def finish(self, text, code=250, words=None):
        """The message, dot-stuffed, with the session's line ends; its reply."""
        lines = text.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
        stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
        return self.say(self.eol.join(stuffed + [b".", b""]), code, words)

    def send(self, text, sender="a@example.org", recipients=("b@example.net",)):
        self.begin(sender, recipients)
        return self.finish(text)

    # the end

    def close(self):
        """End of input; what was still to be read, and how the process ended."""
        self.over = True
        self.process.stdin.close()
        self.process.stdin = None
        return self.program.finish(self.process)

    def quit(self):
        self.say("QUIT", 221)
        done = self.close()
        assert (done.status, done.stdout, done.stderr) == (0, b"", b""), str(done)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            self.process.wait()
        elif not self.over:
            self.quit()

"""expect.py - what runs are held against, and messages many tests send."""

# Complete: nothing has to be added to it, so that its bytes arrive as they are.
HEADER = (b"From: Ann <a@example.org>\n"
          b"To: b@example.net\n"
          b"Subject: hi\n"
          b"Date: Thu, 1 Jan 2026 00:00:00 +0000\n"
          b"Message-ID: <1@example.org>\n")
MESSAGE = HEADER + b"\nhello\n"
ENVELOPE = ("-f", "a@example.org", "b@example.net")


def wire(text):
    """Text with LF line ends as it has to arrive."""
    return text.replace(b"\n", b"\r\n")


def body_of(message):
    return message.split(b"\r\n\r\n", 1)[1]


def fields(message):
    """The header of a message as a list of (name, value), folding kept."""
    found = []
    for line in message.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            found[-1] = (found[-1][0], found[-1][1] + b"\r\n" + line)
        else:
            name, _, value = line.partition(b":")
            found.append((name.decode(), value.removeprefix(b" ")))
    return found


def field(message, name):
    """The value of the only field of that name."""
    values = [v for n, v in fields(message) if n.lower() == name.lower()]
    assert len(values) == 1, f"{name}: {values}"
    return values[0].decode()


def has(message, name):
    return any(n.lower() == name.lower() for n, _ in fields(message))


def silent(done):
    """The run did its job and said nothing."""
    assert (done.status, done.stdout, done.stderr) == (0, b"", b""), str(done)


def delivered(done, server):
    """The run succeeded in silence; the one message the server accepted."""
    silent(done)
    accepted = [m for m in server.messages if m.accepted]
    assert len(accepted) == 1, f"{len(accepted)} messages"
    return accepted[0]


def failed(done, status, *words, lines=1, program="sendmail"):
    """The run ended with the status and said why, one line for each cause; nothing on stdout."""
    assert done.status == status, str(done)
    assert len(done.lines) == lines, str(done)
    for line in done.lines:
        assert line.startswith(program + ": "), str(done)
    for word in words:
        assert word in done.stderr.decode(), f"no {word!r} in\n{done}"
    assert done.stdout == b"", str(done)


def untouched(server):
    """Nobody has connected."""
    server.settle()
    assert server.connections == []

"""Attacks: other people's text where applications let it in. It is refused with a line that names
it, or it is without effect: on the wire, on files, on what the caller gets to read.

Every attack that wants to reach somebody wants to reach evil.example.
"""

import hashlib
import os
import re
import stat

import pytest

from expect import MESSAGE, delivered, failed, field, silent, untouched, wire

A, B = "a@example.org", "b@example.net"
EVIL = b"evil.example"
SECRETS = (b"secret", b"c2VjcmV0", b"AGFsaWNlAHNlY3JldA")


class Host:
    """The folder all a test has is in, with things an attacker would like to change."""

    def __init__(self, program):
        self.folder = program.folder
        self.decoy = self.folder / "decoy"
        self.decoy.mkdir()
        program.file("decoy/file", "keep me\n")
        program.file("decoy/.forward", "|/bin/false\n")
        program.file("decoy/evil.conf", 'account "x" { host = "evil.example" }\n')
        os.mkfifo(self.decoy / "fifo")      # opening it would hang
        self.before = self.listing()

    def fill(self, text):
        """An attack with its paths: {new} is not there yet."""
        return text.format(d=self.decoy, new=self.decoy / "new", file=self.decoy / "file",
                           fifo=self.decoy / "fifo", conf=self.decoy / "evil.conf")

    def listing(self):
        found = {}
        for path in sorted([self.folder, *self.folder.rglob("*")]):
            status = path.lstat()
            text = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_ino,
                                status.st_size, status.st_ctime_ns,
                                hashlib.sha256(text).hexdigest())
        # Where large messages are spilt: files come and go there.
        del found[str(self.folder / "tmp")]
        return found

    def untouched(self):
        assert self.listing() == self.before


class Attacked:
    """A program with a smart host and a decoy; run(...) returns how it ended."""

    def __init__(self, rig):
        self.rig, self.server = rig, rig.serve()
        self.host = Host(rig.program)

    def run(self, *args, input=MESSAGE, **options):
        args = [self.host.fill(a) if isinstance(a, str) else a for a in args]
        done = self.rig.program.run(*args, input=input, cwd=self.host.decoy,
                                    env={"HOME": str(self.host.decoy), "TMPDIR":
                                         self.rig.program.env["TMPDIR"]}, **options)
        self.host.untouched()
        for secret in SECRETS:
            assert secret not in done.stdout + done.stderr
        return done

    def talk(self, *commands, **options):
        talk = self.rig.talk(cwd=self.host.decoy, **options)
        for command in commands:
            talk.say(command, 250)
        return talk

    def commands(self):
        """What the smart host was told, the messages left out."""
        self.server.settle()
        return b"\n".join(c for s in self.server.connections for c in s.commands)

    def refused(self, done, *statuses, words=()):
        """Refused in one printable line, and nobody was asked to do anything."""
        assert done.status in statuses, str(done)
        failed(done, done.status, *words)
        assert done.lines[0].isprintable(), str(done)
        untouched(self.server)

    def without_effect(self, done):
        message = delivered(done, self.server)
        assert message.recipients == [B.encode()]
        assert message.sender.startswith(f"<{A}>".encode())
        assert EVIL not in self.commands()
        return message


@pytest.fixture
def attacked(rig):
    attacked = Attacked(rig)
    yield attacked
    attacked.host.untouched()


# options: "-f$sender" with a blank in it, or a recipient without "--" in front of it

LEAKS = {
    "fifth-argument": lambda attack: ["-t", "-i", "-f" + A, *attack],
    "recipient": lambda attack: ["-i", "-f", A, *attack, B],
    "behind-recipients": lambda attack: ["-f", A, B, *attack],
}

ACCEPTED = """
-X{new} | -X {new} | -X{file} | -X {fifo} | -X{d}/../new | -X| touch {new}
-D{new} | -D {new} | -D{file} | -D{fifo} | -d0-99.127 | -d0-99.127>{new} | -d
-OQueueDirectory={d} | -O QueueDirectory={d} | -oQ{d} | -o Q{d} | -OAliasFile={fifo} | -oA{fifo}
-OLogFile={new} | -OStatusFile={new} | -oS{new} | -OPidFile={new} | -OControlSocketName={new}
-ODeadLetterDrop={new} | -OSafeFileEnvironment={d} | -OForwardPath={d}/.forward | -OHelpFile={file}
-OErrorMode=w | -oew | -oee | -ODeliveryMode=q | -odq | -odd | -OLogLevel=99 | -oL99
-OMustQuoteChars= | -OSingleLineFromHeader=no | -OPrivacyOptions= | -OOperatorChars=%
-OTrustedUser=root | -ORunAsUser=root | -oP{new} | -oMrevil.example | -oMaevil.example
-oMsevil.example | -MEvil | -M Evil | -pSMTP:evil.example | -p evil.example:25 | -h 99
-J{fifo} | -J {new} | -Am | -Ac | -G | -U | -s | -S | -n | -z{fifo}
"""
REFUSED = """
-C{conf} | -C {conf} | -C/dev/null | -tiC{conf} | -be | -be ${{run{{/bin/touch {new}}}}}
-bem{file}
-bf{file} | -bF{file} | -bmalware | -bd | -bD | -bh | -bH | -bt | -bP | -ba | -bl | -bV | -bw | -bz
-K | -k | -Z | -Y{new} | -1 | -@ | -W | -ti%s | -l{new} | -w | -P{new} | -u root | -a {new}
--config={conf} | --config {conf} | --account default | --check | --dry-run | --sign
--verify {file} | --dkim-keygen example.org s1 | --dkim-check | --version | --help | --exec=true
-N success,never | -R all
"""


def attacks(table):
    return [row.strip(" ") for line in table.strip("\n").split("\n") for row in line.split(" | ")]


def words_of(attack):
    return ["-X| touch {new}"] if attack.startswith("-X|") else attack.split(" ")


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("attack", attacks(ACCEPTED))
def test_options_without_effect(attacked, leak, attack):
    attacked.without_effect(attacked.run(*LEAKS[leak](words_of(attack))))


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("attack", attacks(REFUSED), ids=repr)
def test_options_refused(attacked, leak, attack):
    option = re.match(r"--[a-z-]+|-ti?.|-b.|-.", attack)[0].replace("-ti", "-")
    attacked.refused(attacked.run(*LEAKS[leak](words_of(attack))), 64, words=[option])


@pytest.mark.parametrize("name", ["sendmail", "mailq", "newaliases"])
@pytest.mark.parametrize("option", ["--config={conf}", "--dkim-keygen=x", "--sign", "--help"])
def test_long_options_exist_under_our_own_name_alone(attacked, option, name):
    done = attacked.run(option, name=name)
    failed(done, 64, option.split("=")[0], program=name)
    untouched(attacked.server)


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("mode", ["-bp", "-bi", "-I", "-bv", "-bC", "-q", "-q1s", "-qRevil", "-bs"])
def test_other_modes_send_nothing_and_change_nothing(attacked, leak, mode):
    done = attacked.run(*LEAKS[leak]([mode]))
    assert done.status in (0, 64, 78), str(done)
    untouched(attacked.server)


def test_verbose_keeps_secrets(attacked):
    done = attacked.run("-t", "-i", "-f" + A, "-v")
    assert done.status == 0 and b"***" in done.stdout, str(done)


def test_behind_the_double_dash_nothing_is_an_option(attacked):
    options = ["-X/tmp/x", "-C/tmp/y", "-OQueueDirectory=/tmp", "-be", "-bs", "--help"]
    done = attacked.run("-i", "-f", A, "--", *options, B)
    silent(done)
    message, = attacked.server.messages
    assert [r.decode() for r in message.recipients] == \
        [f"{option}@client.example.org" for option in options] + [B]


# text where an address or another value belongs

ADDRESSES = [
    "c@evil.example>\r\nRCPT TO:<d@evil.example", "b@example.net>\nRCPT TO:<c@evil.example>",
    "b@example.net>\rRCPT TO:<c@evil.example", "b@example.net\r\nDATA\r\nSubject: evil.example",
    "b@example.net\r\n", "b@example.net\n", "b@example.net\r", "\r\nb@example.net",
    "\"b\r\nRCPT TO:<c@evil.example>\"@example.net", "\"b\n\"@example.net",
    "\"b\x7f\"@example.net", "b\x0b@example.net", "b@example.net\x1b[2J",
    "<b@example.net>\r\nX: <c@evil.example>", "Bob\r\nBcc: c@evil.example <b@example.net>",
    "(\r\nRCPT TO:<c@evil.example>) b@example.net", "b@example.net ORCPT=rfc822;c@evil.example",
    "<b@example.net> ORCPT=rfc822;c@evil.example", "b@example.net> ORCPT=rfc822;c@evil.example",
    "b@example.net> NOTIFY=NEVER", "b@example.net> SIZE=1 BODY=BINARYMIME",
    "b@example.net> AUTH=<c@evil.example", "b@example.net>,<c@evil.example",
    "b@example.net><c@evil.example>", "b@example.net;evil.example", "b@evil.example@example.net",
    "b@example.net/evil.example", "b@[127.0.0.1]evil.example", "b@[\r\n127.0.0.1]",
    "b@example.net:25 evil.example", ":include:{file}", "\"|touch {new}\" x", "|touch {new}",
    "| touch {new}", "b@example.net|touch {new}", "b@$(touch {new})", "`touch {new}`@example.net",
    "b@example.net'; touch {new}",
]
PLACES = {"-f": ["-f", "{}", B], "-f glued": ["-f{}", B], "-r": ["-r", "{}", B],
          "recipient": ["-f", A, "{}"], "second recipient": ["-f", A, B, "{}"],
          "behind --": ["-f", A, "--", "{}"], "-t and": ["-t", "-f", A, "{}"]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ADDRESSES, ids=repr)
def test_address(attacked, place, attack):
    args = [arg.replace("{}", attack) for arg in PLACES[place]]
    done = attacked.run(*args)
    attacked.refused(done, 65)


# Legal, however they look: what is quoted stays quoted.
QUOTED = [
    "\"b ORCPT=rfc822;c@evil.example\"@example.net", "\"b> ORCPT=c@evil.example\"@example.net",
    "\"b>\\\"RCPT TO:<c@evil.example>\"@example.net", "\"-X/tmp/x\"@example.net",
    "\"|touch x\"@example.net", "\"b,c@evil.example\"@example.net",
]


def still_quoted(attacked, command):
    """The smart host was given one address, and nothing behind it but what we say."""
    heard = [c for c in attacked.commands().split(b"\n") if c.startswith(command)]
    assert len(heard) == 1, heard
    assert re.fullmatch(command + rb'<("(\\.|[^"\\])*"|[^"\\<> ]+)@example\.net>( SIZE=\d+)?',
                        heard[0]), heard


@pytest.mark.parametrize("place", ["-f", "recipient"])
@pytest.mark.parametrize("attack", QUOTED)
def test_quoted_local_part(attacked, place, attack):
    done = attacked.run(*[arg.replace("{}", attack) for arg in PLACES[place]])
    if done.status == 65:
        attacked.refused(done, 65)
        return
    delivered(done, attacked.server)
    still_quoted(attacked, b"MAIL FROM:" if place == "-f" else b"RCPT TO:")


@pytest.mark.parametrize("name", ["Ann\r\nBcc: c@evil.example", "Ann\nBcc: c@evil.example", "Ann\r",
                                  "Ann\x01", "Ann\x1b]0;evil\x07"], ids=repr)
def test_full_name_with_control_characters(attacked, name):
    done = attacked.run("-F", name, "-f", A, B, input=b"Subject: hi\n\nhello\n")
    attacked.refused(done, 65)


@pytest.mark.parametrize("name", [
    "Ann\" <c@evil.example>, \"", "c@evil.example,", "Ann <c@evil.example", "(", "\\", "\"",
    "=?utf-8?q?=0D=0ABcc:_c=40evil.example?=", "$(id)", "{new}"])
def test_full_name_stays_a_name(attacked, name):
    done = attacked.run("-F", name, "-f", A, B, input=b"Subject: hi\n\nhello\n")
    message = attacked.without_effect(done)
    author = field(message.data, "From")
    assert re.fullmatch(r'("(\\.|[^"\\])*"|[^"<>,@()\\]+) <a@example\.org>', author)


CONTROLS = "x\r\nRCPT TO:<c@evil.example>"


@pytest.mark.parametrize("option", [
    "-V", "-N", "-R", "-B", "-L", "-O", "-o", "-p", "-h", "-A", "-M", "-J", "-Q", "-e", "-d", "-q",
    "-b", "-X", "-D", "-z", "-Oholdfor=", "-Oholduntil=", "-Omt-priority=", "-Orequiretls=",
    "-Osmtputf8="])
def test_control_characters_in_a_value(attacked, option):
    done = attacked.run(option + CONTROLS, "-f", A, B)
    assert EVIL not in attacked.commands()
    if done.status == 0:
        silent(done)
        assert [m.recipients for m in attacked.server.messages] in ([], [[B.encode()]])
    else:
        attacked.refused(done, 64, 65, 78)


def test_a_log_tag_makes_no_log_lines(attacked):
    log = attacked.rig.program.folder / "tmp/log"
    attacked.rig.configure(attacked.server, {"log": "file", "log_file": log})
    attacked.host.before = attacked.host.listing()
    done = attacked.rig.program.run("-L", "x\nforged: line", "-f", A, B, input=MESSAGE)
    text = log.read_bytes() if log.exists() else b""
    log.unlink(missing_ok=True)
    assert done.status in (0, 64, 65), str(done)
    assert text.count(b"\n") <= 1 and all(c > 31 for c in text.rstrip(b"\n"))


# header fields under -t

HEADERS = [
    (b"To: b@example.net\rBcc: c@evil.example\n", 65),
    (b"To: b@example.net\r Bcc: c@evil.example\n", 65),
    (b"To: b@example.net\0\n", 65),
    (b"To: b@example.net\0, c@evil.example\n", 65),
    (b"To: b\0@example.net\n", 65),
    (b"To: b@example.net\nX-Any: \0\n", 65),
    (b"To: b@example.net>\r\n RCPT TO:<c@evil.example\r\n", 65),
    (b"To: b@example.net\r\n\tRCPT TO:<c@evil.example>\r\n", 65),
    (b"To: <b@example.net>\n RCPT TO:<c@evil.example>\n", 65),
    (b"To: <b@example.net> ORCPT=rfc822;c@evil.example\n", 65),
    (b"To: b@example.net ORCPT=rfc822;c@evil.example\n", 65),
    (b"To: <b@example.net> NOTIFY=NEVER\n", 65),
    (b"To: <b@example.net\x0b>\n", 65),
    (b"To: <b@example.net\x7f>\n", 65),
    (b"To: \"b\x01\"@example.net\n", 65),
    (b"To: =?utf-8?q?c@evil.example?=\n", 65),
    (b"To: |touch new\n", 65),
    (b"To: :include:/etc/passwd\n", 65),
    (b"To: b@example.net (\n", 65),
    (b"Cc: b@example.net\0\n", 65),
    (b"Bcc: b@example.net\r\r\n X: <c@evil.example>\n", 65),
    (b"Resent-To: b@example.net\rResent-Bcc: c@evil.example\n", 65),
    (b"To: =?utf-8?q?=0D=0ABcc:_c=40evil.example?= <b@example.net>\n", 0),
    (b"To: \"c@evil.example, \" <b@example.net>\n", 0),
    (b"To: (c@evil.example,) b@example.net\n", 0),
    (b"To: b@example.net\nX-Any: x\rBcc: c@evil.example\n", 0),
    (b"To: b@example.net\nX-Any: x\r\r Bcc: c@evil.example\n", 0),
    (b"To: b@example.net\nX-Any: x\x0bBcc: c@evil.example\n", 0),
    (b"To: b@example.net\nX-Any: x\x0cBcc: c@evil.example\n", 0),
    (b"To: b@example.net\nX-Any: x\xc2\x85Bcc: c@evil.example\n", 0),
    (b"To: b@example.net\nX-Any: x\xe2\x80\xa8Bcc: c@evil.example\n", 0),
    (b"To: b@example.net\n\n.\nBcc: c@evil.example\n", 0),
    (b"To: b@example.net\r\n\r\n.\r\nMAIL FROM:<x@evil.example>\r\n", 0),
]


@pytest.mark.parametrize("header, status", HEADERS, ids=repr)
def test_header(attacked, header, status):
    done = attacked.run("-t", "-i", "-f", A,
                        input=b"From: a@example.org\n" + header + b"Subject: hi\n\nhello\n")
    if status:
        attacked.refused(done, status)
    else:
        attacked.without_effect(done)


SENDERS = [b"a@example.org\rBcc: c@evil.example", b"a@example.org\0", b"a@example.org> SIZE=1",
           b"<a@example.org>\r\n RCPT TO:<c@evil.example>", b"\"a\x01\"@example.org"]


@pytest.mark.parametrize("author", SENDERS, ids=repr)
def test_author(attacked, author):
    """The From: field gives the envelope its sender, and the signature its domain."""
    done = attacked.run("-t", input=b"From: " + author + b"\nTo: b@example.net\n\nhello\n")
    attacked.refused(done, 65)


# the -bs dialogue

MAIL = f"MAIL FROM:<{A}>"

COMMANDS = [
    b"MAIL FROM:<a@evil.example>\rRCPT TO:<c@evil.example>",
    b"MAIL FROM:<a@evil.example>\r RCPT TO:<c@evil.example>", b"MAIL FROM:<a@evil.example>\r",
    b"MAIL FROM:<a@evil.example\r>", b"MAIL FROM:<a@evil.example>\0",
    b"MAIL FROM:<a\0@evil.example>", b"\0MAIL FROM:<a@evil.example>",
    b"MAIL FROM:<a@evil.example\x01>", b"MAIL FROM:<a\x1b@evil.example>",
    b"MAIL FROM:<\"a\x7f\"@evil.example>", b"MAIL FROM:<a@evil.example> RCPT TO:<c@evil.example>",
    b"MAIL FROM:<a@evil.example> SIZE=1\rX", b"MAIL FROM:<a@evil.example> SIZE=x",
    b"MAIL FROM:<a@evil.example> NOSUCH=1", b"MAIL FROM:<a@evil.example>>",
    b"MAIL FROM:<<a@evil.example>", b"MAIL FROM:<a@evil.example", b"MAIL FROM:a@evil.example>",
    b"MAIL FROM:<a@evil.example>,<b@evil.example>", b"MAIL FROM:<a b@evil.example>",
    b"MAIL FROM:<a@evil.example@example.org>", b"MAIL FROM: evil.example <a@evil.example> x",
    b"MAILFROM:<a@evil.example>", b"MAIL TO:<a@evil.example>", b"RCPT TO:<c@evil.example>",
    b"DATA", b"NOOP\rRCPT TO:<c@evil.example>", b"HELO evil.example\rMAIL FROM:<a@evil.example>",
    b"EHLO evil.example\0", b"RSET\0", b"QUIT\0", b"AUTH PLAIN AGFsaWNlAHNlY3JldA==", b"STARTTLS",
    b"BDAT 5 LAST", b"XCLIENT ADDR=192.0.2.1", b"XFORWARD NAME=evil.example", b"ETRN evil.example",
    b"EXPN root", b"TURN", b"WIZ", b"DEBUG", b"GET / HTTP/1.1", b"Host: evil.example", b"-X/tmp/x",
    b"--help", b".", b"\xff\xfe", b"\x16\x03\x01",
]
RECIPIENTS = [
    b"RCPT TO:<c@evil.example>\rRCPT TO:<d@evil.example>", b"RCPT TO:<c@evil.example>\r",
    b"RCPT TO:<c@evil.example\r>", b"RCPT TO:<c@evil.example\0>", b"RCPT TO:<c@evil.example>\0",
    b"RCPT TO:<c@evil.example\x0b>", b"RCPT TO:<\"c\x01\"@evil.example>",
    b"RCPT TO:<b@example.net> ORCPT=rfc822;c@evil.example\r", b"RCPT TO:<b@example.net> NOSUCH=1",
    b"RCPT TO:<b@example.net> NOTIFY=NEVER\rRCPT TO:<c@evil.example>",
    b"RCPT TO:<b@example.net>,<c@evil.example>", b"RCPT TO:<b@example.net> <c@evil.example>",
    b"RCPT TO:<b@example.net>ORCPT=c@evil.example", b"RCPT TO:<b@example.net,c@evil.example>",
    b"RCPT TO:<b@example.net> DATA", b"RCPT TO:<b c@evil.example>", b"RCPT TO:<c@evil.example",
    b"RCPT TO:<<c@evil.example>>", b"RCPT TO:<b@example.net@evil.example>", b"RCPT TO:<>",
    b"RCPT TO:<:include:/etc/passwd>", b"RCPT TO:<| touch new>",
    b"RCPT TO:<\"b>\r\"@evil.example>",
]


def whole_message(talk):
    """What came before has not harmed the session."""
    talk.say("RSET", 250)
    talk.send(MESSAGE)
    talk.quit()


@pytest.mark.parametrize("prologue, attack",
                         [((), c) for c in COMMANDS] + [((MAIL,), r) for r in RECIPIENTS],
                         ids=repr)
def test_command(attacked, prologue, attack):
    talk = attacked.talk(*prologue)
    reply = talk.say(attack + b"\r\n")
    assert reply.code // 100 == 5 and all(line.isprintable() for line in reply.lines), str(reply)
    whole_message(talk)
    assert [m.recipients for m in attacked.server.messages] == [[B.encode()]]
    assert EVIL not in attacked.commands()


@pytest.mark.parametrize("attack", QUOTED)
def test_quoted_recipient_in_the_dialogue(attacked, attack):
    talk = attacked.talk(MAIL)
    reply = talk.say(f"RCPT TO:<{attack}>")
    talk.quit()
    assert reply.code // 100 in (2, 5)
    if reply.code == 250:
        still_quoted(attacked, b"RCPT TO:")


@pytest.mark.parametrize("length", [500, 512, 996, 1000, 1024, 2048, 4096, 8192, 16384, 65536])
@pytest.mark.parametrize("slack", [-2, -1, 0, 1, 2])
def test_the_tail_of_a_long_command_is_no_command(attacked, length, slack):
    talk = attacked.talk(MAIL)
    reply = talk.say(b"NOOP ".ljust(length + slack, b"x") + b"RCPT TO:<c@evil.example>\r\n")
    assert reply.code == 250 or reply.code // 100 == 5
    talk.say("NOOP", 250)
    whole_message(talk)
    assert EVIL not in attacked.commands()


NOT_THE_END = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r.\r", b"\r.\n", b"\n.\r",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\r\n. \r\n",
    b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n..\r\n", b"\n\n.\n\n", b"\n\r.\n\r", b"\r\n.\x0b\r\n",
    b"\xc2\x85.\xc2\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\n.\n\r\n", b"\x0c.\x0c",
]
SMUGGLED = (b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<c@evil.example>\r\nDATA\r\n"
            b"Subject: evil\r\n\r\nevil\r\n")


def one_reply(attacked, talk, text):
    """The text is one message, or none; then the session is where it should be."""
    reply = talk.say(text)
    assert reply.code == 250 or reply.code // 100 == 5, str(reply)
    talk.say("NOOP", 250)
    talk.quit()
    messages = attacked.server.messages
    assert len(messages) == (1 if reply.code == 250 else 0)
    assert EVIL not in attacked.commands()
    return messages


@pytest.mark.parametrize("ending", NOT_THE_END, ids=repr)
def test_smuggling(attacked, ending):
    talk = attacked.talk()
    talk.begin()
    text = wire(MESSAGE) + b"text" + ending + SMUGGLED + b"\r\n.\r\n"
    for message in one_reply(attacked, talk, text):
        assert b"\r\nRCPT TO:<c@evil.example>\r\nDATA\r\n" in message.data


@pytest.mark.parametrize("ending", NOT_THE_END, ids=repr)
def test_smuggling_in_one_write(attacked, ending):
    talk = attacked.talk(hello="EHLO [127.0.0.1]")
    talk.write(wire(f"{MAIL}\nRCPT TO:<{B}>\nDATA\n".encode() + MESSAGE) + b"text" + ending
               + SMUGGLED + b"\r\n.\r\n")
    assert [talk.reply().code for _ in range(3)] == [250, 250, 354]
    one_reply(attacked, talk, b"")


@pytest.mark.parametrize("ending", NOT_THE_END, ids=repr)
def test_smuggling_byte_by_byte(attacked, ending):
    talk = attacked.talk()
    talk.begin()
    for byte in b"Subject: hi\r\n\r\ntext" + ending:
        talk.write(bytes([byte]))
    one_reply(attacked, talk, SMUGGLED + b"\r\n.\r\n")


@pytest.mark.parametrize("ending", [b"\r.\n", b"\n.\r", b"\r.\r", b"\n. \n", b"\n..\n",
                                    b"\n.\0\n"], ids=repr)
def test_smuggling_among_line_feeds(attacked, ending):
    """A session without any CRLF: there LF.LF is the end, and nothing else."""
    talk = attacked.talk(eol=b"\n")
    talk.begin()
    one_reply(attacked, talk,
              MESSAGE + b"text" + ending + SMUGGLED.replace(b"\r\n", b"\n") + b"\n.\n")


@pytest.mark.parametrize("behind", [b"", b"\r\n", b"\r\n.", b"\r\n.\r", b"\n.", b"."])
def test_a_message_without_its_end_is_dropped(attacked, behind):
    talk = attacked.talk()
    talk.begin()
    talk.write(wire(MESSAGE) + b"text" + behind)
    done = talk.close()
    assert done.status == 0 and done.stderr == b"", str(done)
    assert attacked.server.messages == []


def test_too_many_bad_commands_end_the_session(attacked):
    talk = attacked.talk()
    for _ in range(1000):
        code = talk.say("GET / HTTP/1.1").code
        if code == 421:
            break
        assert code // 100 == 5
    else:
        pytest.fail("a thousand bad commands, and still there")
    silent(talk.close())
    untouched(attacked.server)

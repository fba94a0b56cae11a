"""matrix.py - every step of a session x every fault there, and what has to come of it.

Told from the manual's EXIT STATUS, not from the program: by_reply() and expected() below are the
same rules once more, and whoever changes one has to say why. A row is a step, a column a fault, a
way is how the program is called and what the server offers.

A cell of the table is the exit status (-bm), or the class of the reply that the client gets to
what it said at this step (-bs); "?" behind it means "may have been delivered".
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from smtpscript import CLOSE, CUT, EHLO, RESET, SILENCE, STALL, after, slow

RECIPIENTS = [f"user{n}@example.net" for n in (1, 2, 3)]
PASSWORD = "pa55-of-alice"


# --- ways ---

@dataclass(frozen=True)
class Way:
    name: str
    mode: str               # -bm or -bs
    caps: tuple
    steps: frozenset        # kinds of steps that the first way of the mode does not speak for
    abort: bool = False     # partial = abort

    @property
    def one_flight(self):
        """MAIL, RCPT, message and QUIT leave together: no reply is waited for in between."""
        return self.mode == "-bm" and "CHUNKING" in self.caps and not self.abort


SESSION = frozenset(("greeting", "EHLO", "STARTTLS", "TLS", "AUTH"))
TRANSACTION = frozenset(("MAIL", "RCPT", "DATA", "body", "end", "QUIT"))
WAYS = [
    Way("-bm", "-bm", EHLO, SESSION | TRANSACTION),
    Way("-bm step by step", "-bm", EHLO[1:], TRANSACTION),
    Way("-bm CHUNKING", "-bm", EHLO + ("CHUNKING",), TRANSACTION - {"DATA"}),
    Way("-bm CHUNKING abort", "-bm", EHLO + ("CHUNKING",), frozenset(("MAIL", "RCPT")), abort=True),
    Way("-bs", "-bs", EHLO, SESSION | TRANSACTION),
    Way("-bs CHUNKING", "-bs", EHLO + ("CHUNKING",), frozenset(("body", "end", "QUIT"))),
]


# --- steps ---

@dataclass(frozen=True)
class Row:
    name: str
    kind: str               # the step as the manual's table knows it
    at: str                 # the server's step
    yes: object             # what is due there: a reply, or a function of the connection
    words: str = ""         # how stderr calls the step
    script: dict = field(default_factory=dict, hash=False)
    steps: dict = field(default_factory=dict, hash=False)     # of the server, beside `at`
    auth: str = "PLAIN"
    index: int = 0          # of the recipient; 0: all, or none
    due: str = "2"          # the class of `yes`
    without: tuple = ()     # faults that make no sense here


def ehlo(*more):
    return "\n".join(f"250-{word}" for word in ("mail.example.test",) + EHLO) + "".join(
        f"\n250 {word}" for word in more)


def challenge(text):
    return "334 " + base64.b64encode(text.encode()).decode()


def said(connection, command=-1):
    """What the client said in base64."""
    return base64.b64decode(connection.commands[command].split(b" ")[-1]).decode()


def scram_first(connection):
    nonce = said(connection).split("r=")[1]
    return challenge(f"r={nonce}server,s=c2FsdA==,i=4096")


def scram_final(connection):
    def mac(key, text):
        return hmac.digest(key, text.encode(), "sha256")

    nonce = said(connection).split(",r=")[1].split(",")[0]
    first = said(connection, -2).split(",", 2)[2]
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 4096)
    text = f"{first},r={nonce},s=c2FsdA==,i=4096,{said(connection).split(',p=')[0]}"
    proof = mac(mac(salted, "Server Key"), text)
    return challenge("v=" + base64.b64encode(proof).decode())


WELCOME = "235 2.7.0 welcome"
ERROR = challenge('{"status":"401"}')
# What a server says in each turn until it is content.
MECHANISMS = {
    "PLAIN": (WELCOME,),
    "LOGIN": (challenge("Username:"), challenge("Password:"), WELCOME),
    "CRAM-MD5": (challenge("<1.2@mail.example.test>"), WELCOME),
    "SCRAM-SHA-256": (scram_first, scram_final, WELCOME),
    "XOAUTH2": (WELCOME,),
    "OAUTHBEARER": (WELCOME,),
    "EXTERNAL": (WELCOME,),      # needs a client certificate
}


def auth_rows():
    for name, turns in MECHANISMS.items():
        steps = {"auth" + ("" if n == 0 else str(n + 1)): say for n, say in enumerate(turns)}
        for n, (at, say) in enumerate(steps.items(), 1):
            yield Row(f"AUTH {name} {n}" if len(turns) > 1 else f"AUTH {name}", "AUTH", at, say,
                      words="AUTH", steps=steps, auth=name, due="3" if n < len(turns) else "2")
    for name in ("XOAUTH2", "OAUTHBEARER"):     # no token is good enough: only a refusal is due
        yield Row(f"AUTH {name}, error", "AUTH", "auth2", "", words="AUTH", steps={"auth": ERROR},
                  auth=name, due="5", without=("slow", "wrong yes"))


ROWS = [
    Row("greeting", "greeting", "greeting", "220 mail.example.test", words="greeting"),
    Row("EHLO", "EHLO", "ehlo", ehlo("STARTTLS"), words="EHLO"),
    Row("STARTTLS", "STARTTLS", "starttls", "220 2.0.0 go ahead", words="STARTTLS"),
    Row("TLS", "TLS", "tls", "", words="TLS", without=("slow",)),
    Row("TLS, implicit", "TLS", "tls", "", words="TLS", script={"tls": "implicit"},
        without=("slow",)),
    Row("greeting in TLS", "greeting", "greeting", "220 mail.example.test", words="greeting",
        script={"tls": "implicit"}),
    Row("EHLO in TLS", "EHLO", "ehlo2", ehlo("AUTH PLAIN"), words="EHLO"),
    *auth_rows(),
    Row("MAIL", "MAIL", "mail", "250 2.1.0 ok", words="MAIL"),
    Row("RCPT, first", "RCPT", "rcpt1", "250 2.1.5 ok", words="RCPT", index=1),
    Row("RCPT, second", "RCPT", "rcpt2", "250 2.1.5 ok", words="RCPT", index=2),
    Row("RCPT, all", "RCPT", "rcpt", "250 2.1.5 ok", words="RCPT"),
    Row("DATA", "DATA", "data", "354 go on", words="DATA", due="3"),
    Row("the message", "body", "body", "250 2.0.0 ok"),
    Row("end of data", "end", "end", "250 2.0.0 ok", words="end of data"),
    Row("QUIT", "QUIT", "quit", "221 2.0.0 bye"),
]


# --- faults ---

REPLIES = ("421 4.3.2", "451", "451 4.7.1", "500", "504 5.5.4", "550", "550 4.7.1", "550 5.1.1",
           "552", "554 5.7.1")
NO_REPLIES = {      # bytes no server may send for a reply
    "garbage": b"nonsense\r\n",
    "line": b"250 " + 70000 * b"x" + b"\r\n",
    "endless": [1000 * (b"250-" + 100 * b"x" + b"\r\n"), SILENCE],
}
LOSSES = {"close": CLOSE, "cut": CUT, "reset": RESET, "silence": SILENCE}
FAULTS = (*REPLIES, "wrong yes", "bare yes", *NO_REPLIES, *LOSSES, "slow")
LIKE_SMTP = (*REPLIES, "wrong yes", "line", "endless")
GAP = 0.0005


def applies(row, fault):
    """Not every fault can be had everywhere, nor does the manual have an answer to each."""
    if row.kind == "body":
        return fault in REPLIES or fault in ("reset", "silence")
    if fault in row.without:
        return False
    return fault != "bare yes" or row.kind == "EHLO"


def action(row, fault):
    """The fault as the server's action."""
    if fault in REPLIES:
        say = f"{fault} the server's own words"
        if row.kind == "body":
            return after(1000, [say, RESET])
        return [say, CLOSE] if fault.startswith("421") else say
    if fault == "wrong yes":
        return "250 ok" if row.due == "3" else "354 go on"
    if fault == "bare yes":
        return "250 mail.example.test"
    if fault in NO_REPLIES:
        return NO_REPLIES[fault]
    if fault == "slow" and callable(row.yes):
        return lambda connection: slow(row.yes(connection), GAP)
    if fault == "slow":
        return slow(row.yes, GAP)
    if row.kind == "body":
        return after(1000, STALL if fault == "silence" else RESET)
    return LOSSES[fault]


# --- what has to come of it ---

ENHANCED = [
    (("5.1.1", "5.1.6", "5.1.10"), 67),
    (("5.1.2", "5.4.4"), 68),
    (("5.1.0", "5.1.3", "5.1.7", "5.1.8", "5.2.3", "5.3.4", "5.6."), 65),
    (("5.5.",), 76),
    (("5.7.",), 77),
    (("5.",), 69),
]
PLAIN = [           # codes, steps (none: any), status
    (("530", "534", "535", "538"), (), 77),
    (("550", "551", "553"), ("RCPT",), 67),
    (("501", "555"), ("MAIL", "RCPT"), 65),
    (("553",), ("MAIL",), 65),
    (("552",), ("MAIL", "DATA", "body", "end"), 65),
    (("556",), (), 68),
    (("500", "501", "502", "503", "504"), (), 76),
]


def by_reply(kind, reply):
    code, _, enhanced = reply.partition(" ")
    if code[0] == "4":
        return 75
    if kind == "AUTH":
        return 78 if code in ("500", "502", "504") or enhanced in ("5.5.4", "5.7.4") else 77
    if enhanced.startswith("5."):
        return next(status for heads, status in ENHANCED for head in heads
                    if enhanced == head or head.endswith(".") and enhanced.startswith(head))
    return next((status for codes, kinds, status in PLAIN
                 if code in codes and (not kinds or kind in kinds)), 69)


@dataclass(frozen=True)
class Expected:
    status: int             # of -bm
    maybe: bool             # "may have been delivered" is true, and said
    messages: int           # that the server accepts, each for other recipients
    answers: str            # -bs: the classes of the replies to MAIL, each RCPT, and the dot
    lines: int              # on stderr

    def stored(self):
        """How many messages the server may have accepted."""
        return (0, 1) if self.maybe else (self.messages,)


def answers_of(row, digit, lost):
    """-bs: what the client hears, when the fault is answered with this digit."""
    if row.kind in SESSION or row.kind == "MAIL":
        return digit
    if row.kind != "RCPT":
        return "2222" + digit
    if row.index == 0:
        return "2" + 3 * digit
    if lost:        # nothing of this message is possible any more
        return "2" + (row.index - 1) * "2" + (4 - row.index) * "4" + ("" if row.index == 1 else "4")
    return "2" + (row.index - 1) * "2" + digit + (3 - row.index) * "2" + "2"


def expected(way, row, fault):
    if fault == "slow" or row.kind == "QUIT":
        return Expected(0, False, 1, "22222", 0)
    if fault == "552" and row.index > 1 and way.mode == "-bm" and not way.abort:
        # RFC 5321 section 4.5.3.1.10: too many recipients; the rest has a transaction of its own.
        return Expected(0, False, 2, "22522", 0)
    if fault in REPLIES and row.kind != "TLS":
        lost = fault.startswith("421")
        partial = row.index > 0 and not lost and not way.abort
        # 421 ends the session: nobody has said no to the one who was accepted before.
        open_end = lost and row.kind == "RCPT" and row.index > 1 and way.one_flight
        return Expected(by_reply(row.kind, fault), open_end, int(partial),
                        answers_of(row, fault[0], lost),
                        3 if row.kind == "RCPT" and row.index == 0 and not lost else 1)
    # From here on nobody has refused the message: has its last byte left?
    left = row.kind == "end" or (way.one_flight and row.kind in ("MAIL", "RCPT"))
    # What the configuration wants is not to be had here: STARTTLS or AUTH; or TLS, of a port that
    # speaks SMTP without it.
    if fault == "bare yes" or row.name == "TLS, implicit" and fault in LIKE_SMTP:
        status = 78
    else:
        status = 75 if fault in LOSSES else 76
    return Expected(status, left, 0, answers_of(row, "4", True), 1)


def cases():
    return [(way, row, fault) for way in WAYS for row in ROWS for fault in FAULTS
            if row.kind in way.steps and applies(row, fault)]


# --- the table ---

def cell(way, row, status, answers, maybe):
    """What came of a case: an exit status, or the digit of the reply that tells of the fault."""
    if way.mode == "-bs":
        at = {"RCPT": max(row.index, 1)}.get(row.kind, 4)
        status = answers[min(at, len(answers) - 1)]
    return f"{status}{'?' if maybe else ''}"


def table(cells):
    """Lines of text; `cells` has (way's name, row's name, fault) -> cell. A way's line is left
    out where it is the same as the one above it."""
    names = [fault.replace(" ", "\n", 1).split("\n") for fault in FAULTS]
    widths = [max(map(len, name)) + 1 for name in names]
    margin = 2 + max(len(row.name) for row in ROWS)

    def line(label, words):
        return (label.ljust(margin) + "".join(f"{w:>{n}}" for w, n in zip(words, widths))).rstrip()

    out = []
    for mode, title in (("-bm", "exit status"), ("-bs", "class of the reply")):
        out += [line(f"{mode}: {title}", []), line("", [n[0] for n in names]),
                line("", [n[1] if len(n) > 1 else "" for n in names])]
        for row in ROWS:
            above = None
            for way in (w for w in WAYS if w.mode == mode and row.kind in w.steps):
                words = [cells.get((way.name, row.name, fault), "-") for fault in FAULTS]
                if words != above:
                    out.append(line(row.name if above is None else "  " + way.name[4:], words))
                above = words
    return "\n".join(out)

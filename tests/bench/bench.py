"""bench.py - the parts of the bench, and its table; tests/bench/run starts it."""

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clients import EHLO_NAME, RECIPIENT, SENDER, Mailchute, everyone, program_to_measure
from ground import (FAR, NEAR, Ground, Unmeasured, build, conditions, private_network,
                    resolves)

MESSAGE = (b"From: Ann <a@example.org>\nTo: Bob <b@example.net>\nSubject: bench\n"
           b"Date: Thu, 1 Jan 2026 00:00:00 +0000\nMessage-ID: <1@example.org>\n\n")
LINE = b"A line of words with one blank between each two of them, and then.\n"
SMALL, LARGE = 2048, 100 * 1000 * 1000
DELAYS = 20, 100        # milliseconds there and back
FAR_RUNS, NEAR_RUNS, LARGE_RUNS = 2, 15, 5
TRIPS = {("sink", "implicit"): 6, ("sink", "starttls"): 8,      # what mailchute may take
         ("sink, no CHUNKING", "implicit"): 7, ("sink, no CHUNKING", "starttls"): 9,
         ("Postfix", "implicit"): 7, ("Postfix", "starttls"): 9}
ROW = 100               # messages in a row
LABEL, COLUMN, RATIO = 34, 10, 7    # columns of text
BORING = 3              # seconds; what takes longer with the large message is run once


def letter(size):
    return MESSAGE + LINE * ((size - len(MESSAGE)) // len(LINE))


class Table:
    """Rows as they come; what is missing is remembered."""

    def __init__(self, names):
        self.names, self.missing, self.goals = names, [], []
        self.rated = ()

    def title(self, text, rated=("mailchute", "cached")):
        """Begins a part. `rated` are those whose ratio to msmtp is shown, beside the figures."""
        self.rated = rated
        ratios = "".join(f"{('ratio', 'cached')[i]:>{RATIO}}" for i in range(len(rated)))
        print(f"\n{text}\n{'':<{LABEL}}{''.join(n.rjust(COLUMN) for n in self.names)}{ratios}")

    def row(self, label, values, digits=1):
        """values: {name: number, or None for what makes no sense}; a name that is not there could
        not be measured. The ratios are to msmtp."""
        cells = "".join(self.cell(values, name, digits) for name in self.names)
        base = values.get("msmtp")
        ratios = "".join(f"{values[n] / base:{RATIO}.2f}" if base and values.get(n) else " " * RATIO
                         for n in self.rated)
        print(f"{label:<{LABEL}}{cells}{ratios}".rstrip(), flush=True)
        self.missing += [f"{label}: {n}" for n in self.names if n not in values]

    @staticmethod
    def cell(values, name, digits):
        if name not in values:
            return "?".rjust(COLUMN)
        value = values[name]
        return ("-" if value is None else f"{value:,.{digits}f}").rjust(COLUMN)

    def goal(self, what, value, limit, digits=2):
        """A goal: `value` is to be at most `limit`. Unmeasured is told elsewhere."""
        if value is not None:
            verdict = "met" if round(value, digits) <= limit else "MISSED"
            self.goals.append(f"{what:<72}{value:>9.{digits}f}{limit:>9.{digits}f}  {verdict}")

    def finish(self):
        if self.goals:
            print(f"\n{'Goals':<72}{'is':>9}{'at most':>9}")
            print("\n".join(self.goals))
        for what in self.missing:
            print(f"not measured: {what}", file=sys.stderr)
        return 1 if self.missing else 0


class Bench:
    def __init__(self, ground, clients, table):
        self.ground, self.clients, self.table = ground, clients, table
        self.small = ground.file("small", letter(SMALL))
        self.sink = ground.sink("CHUNKING")

    def each(self, measure, but=()):
        """{name: measure(client)}; one that fails is told and left out."""
        values = {}
        for client in self.clients:
            if client.name in but:
                values[client.name] = None
                continue
            try:
                values[client.name] = measure(client)
            except (Unmeasured, subprocess.SubprocessError, OSError) as e:
                print(f"{client.name}: {e}", file=sys.stderr)
        return values

    def argv(self, client, server=None, tls="starttls", host=NEAR, **options):
        return client.argv(host, (server or self.sink).ports[tls], tls, **options)

    def in_turns(self, runs, message, argvs):
        """{name: [(seconds, MiB), ...]}, each program once a round."""
        found = {}
        for n in range(runs):
            for client in self.clients:
                argv = argvs.get(client.name)
                if argv is None:
                    continue
                try:
                    if n == 0:
                        client.prepare(argv, message)
                    found.setdefault(client.name, []).extend(self.ground.runs(argv, message))
                except Unmeasured as e:
                    print(f"{client.name}: {e}", file=sys.stderr)
                    found.pop(client.name, None)
                    argvs.pop(client.name)
        return found

    def medians(self, runs, message, argvs, column=0):
        return {name: statistics.median(r[column] for r in rows)
                for name, rows in self.in_turns(runs, message, argvs).items()}

    def measure(self, part):
        """A part, and the next whatever happens to it."""
        try:
            getattr(self, part)()
        except (Unmeasured, AssertionError, subprocess.SubprocessError, OSError) as e:
            self.table.missing.append(f"{part}: {e}")

    # the parts

    def cpu(self):
        self.table.title("Millions of instructions for one message (ratios to msmtp, which signs "
                         "nothing)")

        def count(client, tls):
            argv = self.argv(client, tls=tls)
            client.prepare(argv, self.small)
            return self.ground.instructions(argv, self.small)

        for tls in ("starttls", "implicit"):
            values = self.each(lambda client, tls=tls: count(client, tls))
            self.table.row(f"TLS 1.3, {tls}", values)
            if tls == "starttls" and values.get("msmtp"):
                for name, limit in (("mailchute", 1 / 3), ("cached", 1 / 5)):
                    if values.get(name):
                        self.table.goal(f"instructions of msmtp's, {name}",
                                        values[name] / values["msmtp"], limit)

        self.table.title("Millions of instructions by number of recipients", rated=())
        counts = {}
        for n in (10, 100, 1000):
            to = tuple(f"user{i}@example.net" for i in range(n))
            counts[n] = self.each(lambda client, to=to: self.ground.instructions(
                self.argv(client, recipients=to), self.small), but=("cached", "swaks"))
            self.table.row(f"{n:,} recipients", counts[n])
        growth = {name: ((counts[1000][name] - counts[100][name]) / 900)
                  / ((counts[100][name] - counts[10][name]) / 90)
                  for name in ("mailchute", "msmtp", "curl")
                  if all(name in counts[n] for n in counts)}
        self.table.row("one more of 1,000 to one of 100",
                       {**growth, "cached": None, "swaks": None}, 2)
        # A sort takes n log n; quadratic work would come near 10.
        self.table.goal("instructions for one more recipient of 1,000 to one of 100",
                        growth.get("mailchute"), 1.5)

    def servers(self):
        return {"sink, PIPECONNECT": self.ground.sink("CHUNKING", "PIPECONNECT"),
                "sink": self.sink, "sink, no CHUNKING": self.ground.sink(),
                "Postfix": self.ground.postfix()}

    def far(self, server, tls, delay, runs):
        """{name: (fewest trips, milliseconds of the fastest run)}, so far away. That a machine is
        busy can only add: to a trip, when it is late with what it could have sent at once."""
        def once(argv):
            self.ground.relay.delay(delay)
            (seconds, _), = self.ground.runs(argv, self.small)
            return self.ground.relay.trips(), seconds * 1000

        def series(client):
            argv = self.argv(client, server, tls, FAR)
            client.prepare(argv, self.small)
            rows = [once(argv) for _ in range(runs)]
            return tuple(min(column) for column in zip(*rows))

        return self.each(series)

    def trips(self):
        self.table.title("Round trips, connecting included")
        walls = []
        for name, server in self.servers().items():
            for tls in ("implicit", "starttls"):
                found = {delay: self.far(server, tls, delay, FAR_RUNS) for delay in DELAYS}
                fewest = {who: min(found[d][who][0] for d in DELAYS if who in found[d])
                          for who in {who for d in DELAYS for who in found[d]}}
                self.table.row(f"{name}, {tls}", fewest)
                if (name, tls) in TRIPS:
                    self.table.goal(f"round trips, {name}, {tls}", fewest.get("mailchute"),
                                    TRIPS[name, tls], 1)
                if name in ("sink", "Postfix"):
                    walls += [(f"{name}, {tls}, {delay} ms away",
                               {who: ms for who, (_, ms) in found[delay].items()})
                              for delay in DELAYS]
        self.table.title(f"Milliseconds by the same servers some way off (fastest of {FAR_RUNS} "
                         "runs)")
        for label, values in walls:
            self.table.row(label, values, 0)

    def wall(self):
        self.table.title(f"Milliseconds on loopback (median of {NEAR_RUNS} runs)")
        for tls in ("implicit", "starttls"):
            argvs = {c.name: self.argv(c, tls=tls) for c in self.clients}
            values = self.medians(NEAR_RUNS, self.small, argvs)
            self.table.row(f"sink, {tls}", {n: v * 1000 for n, v in values.items()})

    def memory(self):
        self.table.title("MiB of memory at the peak")
        argvs = {c.name: self.argv(c) for c in self.clients}
        values = self.medians(3, self.small, argvs, 1)
        self.table.row("a message of 2 KB", values)
        if values.get("mailchute") and values.get("msmtp"):
            self.table.goal("peak of memory, MiB, not above msmtp's", values["mailchute"],
                            round(values["msmtp"], 1), 1)
        large = self.ground.file("large", letter(LARGE))
        values = self.each(lambda client: self.ground.runs(self.argv(client), large)[0][1],
                           but=("cached", "swaks"))
        self.table.row("a message of 100 MB", values)
        self.table.goal("peak of memory for 100 MB, MiB", values.get("mailchute"), 12, 1)

    def throughput(self):
        """All at the port with TLS from the start, nobody signs."""
        self.table.title("Milliseconds for a message of 100 MB over TLS (unsigned; median of "
                         f"{LARGE_RUNS} runs)", rated=())
        port = self.sink.ports["implicit"]
        large = self.ground.file("large", letter(LARGE))
        wire = self.ground.file("wire", (
            f"EHLO {EHLO_NAME}\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nMAIL FROM:<{SENDER}>\r\n"
            f"RCPT TO:<{RECIPIENT}>\r\nDATA\r\n").encode()
            + letter(LARGE).replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n")
        plain = Mailchute(self.ground, self.clients[0].program, sign=False)
        others = [[self.ground.tools["writer"], self.ground.ca, port],
                  ["/usr/bin/gnutls-cli", "--x509cafile", self.ground.ca, "-p", port, NEAR]]
        argvs = {c.name: self.argv(c, tls="implicit") for c in self.clients
                 if c.name not in ("cached", "swaks")}
        argvs["mailchute"] = plain.argv(NEAR, port, "implicit")
        rows, bare = {}, [[], []]
        for _ in range(LARGE_RUNS):
            for name, found in self.in_turns(1, large, argvs).items():
                rows.setdefault(name, []).extend(found)
                if found[0][0] > BORING:
                    del argvs[name]
            for argv, found in zip(others, bare):
                found.extend(self.ground.runs(argv, wire))
        values = {name: statistics.median(r[0] for r in found) * 1000
                  for name, found in rows.items()}
        writer, cli = (statistics.median(r[0] for r in found) * 1000 for found in bare)
        self.table.row("time", {**values, "cached": None, "swaks": None}, 0)
        self.table.row(f"of a bare GnuTLS writer's {writer:,.0f} ms",
                       {**{n: v / writer for n, v in values.items()},
                        "cached": None, "swaks": None}, 2)
        self.table.row(f"of gnutls-cli's {cli:,.0f} ms",
                       {**{n: v / cli for n, v in values.items()}, "cached": None,
                        "swaks": None}, 2)
        if "mailchute" in values:
            self.table.goal("100 MB: time of a bare writer's", values["mailchute"] / writer, 1.15)

    def many(self):
        self.table.title(f"Milliseconds for {ROW} messages, STARTTLS, on loopback")

        def row(client):
            argv = self.argv(client)
            client.prepare(argv, self.small)
            return sum(wall for wall, _ in self.ground.runs(argv, self.small, ROW)) * 1000

        def one_session(client):
            command = [*client.command(NEAR, self.sink.ports["starttls"], "starttls"), "-bs"]
            start = time.monotonic()
            self.ground.dialogue(command, self.dialogue)
            return (time.monotonic() - start) * 1000

        self.table.row("one run each", self.each(row, but=("swaks",)), 0)
        self.table.row("all through one sendmail -bs",
                       self.each(one_session, but=("msmtp", "curl", "swaks")), 0)
        self.table.title(f"Milliseconds by number of recipients (median of {LARGE_RUNS} runs)")
        for n in (100, 1000):
            to = tuple(f"user{i}@example.net" for i in range(n))
            argvs = {c.name: self.argv(c, recipients=to) for c in self.clients
                     if c.name != "swaks"}
            values = self.medians(LARGE_RUNS, self.small, argvs)
            self.table.row(f"{n:,} recipients",
                           {**{k: v * 1000 for k, v in values.items()}, "swaks": None})

    @staticmethod
    def dialogue(say):
        def must(data, code):
            heard = say(data)
            if heard != code:
                raise Unmeasured(f"-bs: {data[:60]!r} was answered {heard!r}")

        message = letter(SMALL).replace(b"\n", b"\r\n") + b".\r\n"
        must(b"", b"220")
        must(f"EHLO {EHLO_NAME}\r\n".encode(), b"250")
        for _ in range(ROW):
            must(f"MAIL FROM:<{SENDER}>\r\n".encode(), b"250")
            must(f"RCPT TO:<{RECIPIENT}>\r\n".encode(), b"250")
            must(b"DATA\r\n", b"354")
            must(message, b"250")
        must(b"QUIT\r\n", b"221")


PARTS = ("cpu", "trips", "wall", "memory", "throughput", "many")


def main(wanted):
    for part in wanted:
        if part not in PARTS:
            sys.exit(f"There is no part {part}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not resolves():
        sys.exit(f"{NEAR} is not this host")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        program = program_to_measure(lambda: build(folder))
        private_network()
        with Ground(folder) as ground:
            clients = everyone(ground, program)
            table = Table([c.name for c in clients])
            print("mailchute and others, submitting a message of 2 KB")
            print("\n".join(conditions()))
            bench = Bench(ground, clients, table)
            for part in PARTS:
                if not wanted or part in wanted:
                    bench.measure(part)
            return table.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""nameserver.py - a DNS server on port 53 of an address, and a program that asks it.

    unshare -m [-n] python nameserver.py FOLDER ADDRESS TIMEOUT NAMES COMMAND...

serves NAMES there, puts a resolv.conf for it (kept in FOLDER) over the system's, runs the command
and ends as it does. command() makes that command line, with a network that has nothing else in it
(-n), or without: then the command can reach servers that tests run, and the address is one of the
loopback network that nobody else uses. A resolver gives one question up after TIMEOUT seconds.
NAMES is JSON: {"a name": {...}}, where the value says what is answered:

    {"txt": [["strings", "of a record"], ...]}    records, of the type that is asked for
    {"a": ["192.0.2.1", ...], "aaaa": ["2001:db8::1", ...]}
    {"srv": ["priority weight port target.", ...]}
    {"cname": "another name"}                     and what that one has
    {"rcode": "SERVFAIL"}                         or any other
    {"silent": true}                              nothing at all; ["aaaa"]: to that type
    {"tcp": "closed" | "silent"}                  truncated, and no answer over TCP either

Any other name is NXDOMAIN. Answers over 512 octets are truncated, and given over TCP.
"""

import fcntl
import json
import os
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

RESOLV_CONF = "nameserver {}\noptions timeout:{} attempts:1\n"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
ALONE = "127.0.0.1"     # where the network is the server's own


def command(folder, names, argv, alone=True, timeout=1):
    """The command line that runs argv (a list) where these names are."""
    address = ALONE if alone else "127." + ".".join(str(1 + b % 254) for b in os.urandom(3))
    return ["unshare", "-m", *(["-n"] if alone else []), sys.executable, __file__, str(folder),
            address, str(timeout), json.dumps(names), *argv]


def records(entry, rdtype):
    """The records of that type, as zone files have them."""
    values = entry.get(dns.rdatatype.to_text(rdtype).lower(), [])
    if rdtype == dns.rdatatype.TXT:
        values = [" ".join('"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"' for s in strings)
                  for strings in values]
    return values


def answer(query, names):
    """The reply to a query, NAMES' entry for it; no reply for silence."""
    reply = dns.message.make_response(query, recursion_available=True)
    name = query.question[0].name
    entry = names.get(name.to_text(omit_final_dot=True).lower())
    seen = []
    while entry and "cname" in entry:
        seen.append(dns.rrset.from_text(name, 60, "IN", "CNAME", entry["cname"] + "."))
        name = dns.name.from_text(entry["cname"])
        entry = names.get(entry["cname"])
    reply.answer = seen
    if entry is None:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    elif "rcode" in entry:
        reply.set_rcode(dns.rcode.from_text(entry["rcode"]))
    values = records(entry or {}, query.question[0].rdtype)
    if values:
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", query.question[0].rdtype, *values))
    return reply, entry or {}


class OverUDP(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        query = dns.message.from_wire(data)
        reply, entry = answer(query, self.server.names)
        silent = entry.get("silent")
        asked = dns.rdatatype.to_text(query.question[0].rdtype).lower()
        if silent is True or asked in (silent or ()):
            return
        wire = reply.to_wire()
        if len(wire) > 512 or "tcp" in entry:
            reply.flags |= dns.flags.TC
            reply.answer = []
            wire = reply.to_wire()
        sock.sendto(wire, self.client_address)


class OverTCP(socketserver.StreamRequestHandler):
    def handle(self):
        (length,) = struct.unpack("!H", self.rfile.read(2))
        reply, entry = answer(dns.message.from_wire(self.rfile.read(length)), self.server.names)
        if entry.get("tcp") == "silent":
            self.rfile.read()       # until the client gives up
            return
        wire = reply.to_wire()
        self.wfile.write(struct.pack("!H", len(wire)) + wire)


class TCPServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


def serve(kind, handler, address, names):
    server = kind((address, 53), handler)
    server.names = names
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main(folder, address, timeout, names, *argv):
    names = json.loads(names)
    if address == ALONE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    serve(socketserver.ThreadingUDPServer, OverUDP, address, names)
    if not any(entry.get("tcp") == "closed" for entry in names.values()):
        serve(TCPServer, OverTCP, address, names)
    conf = Path(folder) / "resolv.conf"
    conf.write_text(RESOLV_CONF.format(address, timeout))
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)
    return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

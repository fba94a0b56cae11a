"""nameserver.py - a DNS server on port 53 of a network of its own, and a program that asks it.

    unshare -m -n python nameserver.py FOLDER NAMES COMMAND...

brings the loopback interface of the new network up, serves NAMES there, puts a resolv.conf for it
(kept in FOLDER) over the system's, runs the command and ends as it does. command() makes that
command line. NAMES is JSON: {"a name": {...}}, where the value says what is answered:

    {"txt": [["strings", "of a record"], ...]}    records
    {"cname": "another name"}                     and what that one has
    {"rcode": "SERVFAIL"}                         or any other
    {"silent": true}                              nothing at all
    {"tcp": "closed" | "silent"}                  truncated, and no answer over TCP either

Any other name is NXDOMAIN. Answers over 512 octets are truncated, and given over TCP.
"""

import fcntl
import json
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
import dns.rrset

RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def command(folder, names, argv):
    """The command line that runs argv (a list) where these names are."""
    return ["unshare", "-m", "-n", sys.executable, __file__, str(folder), json.dumps(names), *argv]


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
    for strings in (entry or {}).get("txt", []):
        quoted = " ".join('"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"' for s in strings)
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", quoted))
    return reply, entry or {}


class OverUDP(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        reply, entry = answer(dns.message.from_wire(data), self.server.names)
        if entry.get("silent"):
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


def serve(kind, handler, names):
    server = kind(("127.0.0.1", 53), handler)
    server.names = names
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main(folder, names, *argv):
    names = json.loads(names)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    serve(socketserver.ThreadingUDPServer, OverUDP, names)
    if not any(entry.get("tcp") == "closed" for entry in names.values()):
        serve(TCPServer, OverTCP, names)
    conf = Path(folder) / "resolv.conf"
    conf.write_text(RESOLV_CONF)
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)
    return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

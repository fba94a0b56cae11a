"""--dkim-check: each wrong record told apart, DMARC, and the DNS for real."""

import pytest

import nameserver
from dkimverify import Key
from postfix import needs_root

RSA, ED = Key("example.org", "s1"), Key("example.org", "s2", "ed25519")
OTHER, OTHER_ED = Key("example.org", "s1"), Key("example.org", "s2", "ed25519")
SHORT = Key("example.org", "s1", bits=1024)
TOO_SHORT = Key("example.org", "s1", bits=512)
KEYS = {"s1": RSA, "s2": ED}
GOOD_DMARC = "v=DMARC1; p=reject"


def strings(text):
    return [text[at:at + 255] for at in range(0, len(text), 255)] or [""]


def txt(name, *texts):
    """Records as zone file text."""
    return "".join(f"{name}. IN TXT " + " ".join(f'"{s}"' for s in strings(text)) + "\n"
                   for text in texts)


def configure(program, keys=KEYS, settings=None, **changes):
    """A section for each selector; changes are settings of them all."""
    sections = {}
    for selector, key in keys.items():
        path = program.file(f"{selector}.pem", key.pem)
        sections[f"section {selector}"] = {"domain": key.domain, "selector": selector,
                                           "key_file": path, **changes}
    program.configure(settings={"log": "off", **(settings or {})}, dkim=sections,
                      accounts={"default": {"host": "localhost", "tls": "off"}})


def check(program, records, *args):
    """With these records in the place of the DNS."""
    path = program.file("records", records)
    return program.run("--dkim-check", "--records", path, *args, name="mailchute")


def told(done, status, *words):
    """Ended with the status, and the words are there, each in one line of stdout."""
    assert (done.status, done.stderr) == (status, b""), str(done)
    lines = done.stdout.decode().splitlines()
    for word in words:
        assert any(word in line for line in lines), f"no {word!r} in\n" + "\n".join(lines)
    return lines


def graded(lines, grade):
    return [line for line in lines if line.split(": ")[1] == grade]


# --- good ones ---

def test_good_keys(program):
    configure(program)
    lines = told(check(program, txt(RSA.name, RSA.record) + txt(ED.name, ED.record)), 0,
                 "s1._domainkey.example.org: good: the record fits the private key "
                 "(rsa-sha256, 2048 bits)",
                 "s2._domainkey.example.org: good: the record fits the private key "
                 "(ed25519-sha256, 256 bits)",
                 "example.org: note: there is no DMARC record, here or above")
    assert len(lines) == 3


PUBLIC = RSA.record.split("p=")[1]


# Keys differ from run to run, so that in tables they stand behind a name.
OTHER_FORMS = {
    "p= alone": f"p={PUBLIC}", "a semicolon at the end": f"v=DKIM1;p={PUBLIC};",
    "lists": f"v=DKIM1; h=sha1:sha256; s=email:tlsrpt; p={PUBLIC}",
    "strict, folded": f"v=DKIM1; t=s; p={PUBLIC[:100]} {PUBLIC[100:]}",
    "all services": f"v=DKIM1; s=*; n=a note; x=y; p={PUBLIC}",
}


@pytest.mark.parametrize("case", OTHER_FORMS)
def test_other_ways_to_write_a_good_record(program, case):
    configure(program, {"s1": RSA}, identity="@example.org")
    told(check(program, txt(RSA.name, OTHER_FORMS[case])), 0, "fits the private key")


@pytest.mark.parametrize("args", [(), ("--algorithm", "ed25519"), ("--bits", "4096")])
def test_what_keygen_prints_is_good(program, args):
    file = program.folder / "new.pem"
    made = program.run("--dkim-keygen", "example.org", "s1", "--out", file, *args,
                       name="mailchute")
    assert made.status == 0, str(made)
    zone, _, _ = made.stdout.partition(b"\n\n")
    program.configure(dkim={"example.org": {"selector": "s1", "key_file": file}},
                      accounts={"default": {"host": "localhost", "tls": "off"}})
    told(check(program, zone), 0, "s1._domainkey.example.org: good: ")


def test_a_key_of_1024_bits_is_a_warning(program):
    configure(program, {"s1": SHORT})
    told(check(program, txt(SHORT.name, SHORT.record)), 0,
         "s1._domainkey.example.org: warning: the key has 1024 bits, 2048 are advised",
         "s1._domainkey.example.org: good: ")


def test_a_cname_is_told_and_no_failure(program):
    configure(program, {"s1": RSA})
    told(check(program, f"{RSA.name}. CNAME key.example.net.\n" +
               txt("key.example.net", RSA.record)), 0,
         "s1._domainkey.example.org: note: a CNAME leads to key.example.net", ": good: ")


# --- wrong ones ---

# What is there for s1 (RSA, identity = @mail.example.org), and the words of nothing else.
WRONG = {
    "missing": ("", "there is no such name"),
    "only names below": (txt("x." + RSA.name, "x"), "the name has no TXT record"),
    "a cname to nowhere": (f"{RSA.name} CNAME example.net\n", "there is no such name"),
    "another key": (txt(RSA.name, OTHER.record), "the record is of another key"),
    "another type": (txt(RSA.name, ED.record), "the record is of type k=ed25519, the private "
                                               "key rsa"),
    "unknown type": (txt(RSA.name, RSA.record.replace("k=rsa", "k=dsa")), "unknown type"),
    "revoked": (txt(RSA.name, "v=DKIM1; k=rsa; p="), "revoked"),
    "testing": (txt(RSA.name, RSA.record + "; t=y"), "t=y (testing)"),
    "strict": (txt(RSA.name, RSA.record + "; t=s"), "t=s (strict)"),
    "two records": (txt(RSA.name, RSA.record, OTHER.record), "there are 2 TXT records"),
    "the same twice": (txt(RSA.name, RSA.record, RSA.record), "there are 2 TXT records"),
    "something beside it": (txt(RSA.name, "v=spf1 -all", RSA.record), "there are 2 TXT records"),
    "too short": (txt(RSA.name, TOO_SHORT.record), "key is too short, it has 512 bits"),
    "only sha1": (txt(RSA.name, "h=sha1; " + RSA.record.replace("v=DKIM1; ", "")),
                  "does not permit sha256"),
    "not for mail": (txt(RSA.name, RSA.record + "; s=tlsrpt"), "not for email"),
    "another version": (txt(RSA.name, RSA.record.replace("DKIM1", "DKIM2")),
                        "no DKIM key record"),
    "no dkim": (txt(RSA.name, "v=spf1 -all"), "no DKIM key record"),
    "cut at the semicolon": (f"{RSA.name} TXT {RSA.record}\n", "holds no key that can be read"),
    "garbled": (txt(RSA.name, RSA.record[:-40]), "holds no key that can be read"),
}
ALL_WORDS = {words for _, words in WRONG.values()}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_records_are_told_apart(program, case):
    records, words = WRONG[case]
    configure(program, {"s1": RSA}, identity="@mail.example.org")
    lines = told(check(program, records), 78)
    (line,) = graded(lines, "wrong")
    assert line.startswith("s1._domainkey.example.org: wrong: "), line
    assert {w for w in ALL_WORDS if w in line} == {words}
    assert "; " in line, "no cure"
    assert graded(lines, "good") == []


WRONG_ED25519 = {
    "another key": (OTHER_ED.record, "another key"),
    "another type": (RSA.record, "type k=rsa, the private key ed25519"),
    "without a type": (ED.record.replace("k=ed25519; ", ""), "type k=rsa, the private key ed25519"),
    "revoked": ("v=DKIM1; k=ed25519; p=", "revoked"),
    "garbled": (ED.record[:-8], "holds no key that can be read"),
}


@pytest.mark.parametrize("case", WRONG_ED25519)
def test_wrong_records_of_ed25519(program, case):
    record, words = WRONG_ED25519[case]
    configure(program, {"s2": ED})
    (line,) = graded(told(check(program, txt(ED.name, record)), 78), "wrong")
    assert words in line


@pytest.mark.parametrize("case", ["missing", "another key", "another type", "no dkim"])
def test_the_record_to_publish_is_shown_and_good(program, case):
    configure(program, {"s1": RSA})
    lines = told(check(program, WRONG[case][0]), 78)
    (line,) = [line for line in lines if "the record of this key: " in line]
    told(check(program, txt(RSA.name, line.split("the record of this key: ")[1])), 0, ": good: ")


def test_all_that_is_wrong_is_told(program):
    configure(program, {"s1": RSA}, identity="@mail.example.org")
    lines = told(check(program, txt(RSA.name, "v=DKIM1; t=y:s; p=")), 78)
    assert len(graded(lines, "wrong")) == 3


def test_one_of_two_keys_is_wrong(program):
    configure(program)
    told(check(program, txt(ED.name, ED.record)), 78, "s1._domainkey.example.org: wrong: ",
         "s2._domainkey.example.org: good: ")


# --- our own side ---

def test_a_private_key_that_is_too_short(program):
    configure(program, {"s1": TOO_SHORT})
    done = check(program, txt(TOO_SHORT.name, TOO_SHORT.record))
    assert done.status == 78 and b"512 bits" in done.stderr, str(done)
    assert b"good" not in done.stdout


def test_a_key_that_others_can_read(program):
    configure(program)
    (program.folder / "s1.pem").chmod(0o644)
    done = check(program, txt(RSA.name, RSA.record) + txt(ED.name, ED.record))
    assert done.status == 77 and b"chmod 0600" in done.stderr, str(done)
    assert b"s2._domainkey.example.org: good: " in done.stdout


def test_which_sections(program):
    keys = {"s1": RSA, "t1": Key("example.net", "t1")}
    configure(program, keys)
    lines = told(check(program, txt(RSA.name, RSA.record), "Example.ORG"), 0, ": good: ")
    assert not any("example.net" in line for line in lines)
    done = check(program, "", "example.com")
    assert done.status == 78 and b"no dkim section signs for example.com" in done.stderr
    assert done.stdout == b""


def test_no_section_at_all(program):
    configure(program, {})
    done = check(program, "")
    assert done.status == 78 and b"no dkim section" in done.stderr, str(done)


def test_a_domain_in_umlauts(program):
    key = Key("xn--bcher-kva.example", "s1")
    configure(program, {"s1": key})
    told(check(program, txt(key.name, key.record), "b\u00fccher.example"), 0, ": good: ")


@pytest.mark.parametrize("args", [("a.example", "b.example"), ("a..b",), ("a b",)])
def test_usage(program, args):
    configure(program)
    done = check(program, "", *args)
    assert done.status == 64 and done.stdout == b"" and done.stderr != b"", str(done)


BAD_FILES = {
    "quote": ("a TXT \"x\n", "records:1: a string without its last quote"),
    "type": ("\na MX 10 b\n", "records:2: expected TXT or CNAME"),
    "not split": (f'{RSA.name} TXT "{RSA.record}"\n', "records:1: a string of more than 255 octets"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_record_file_that_is_none(program, case):
    records, words = BAD_FILES[case]
    configure(program)
    done = check(program, records)
    assert done.status == 78 and words in done.stderr.decode(), str(done)


def test_a_record_file_that_is_not_there(program):
    configure(program)
    done = program.run("--dkim-check", "--records", "/nosuch/records", name="mailchute")
    assert done.status == 78 and b"/nosuch/records" in done.stderr, str(done)


def test_nothing_steers_the_terminal(program):
    configure(program, {"s1": RSA})
    done = check(program, txt(RSA.name, "v=\x1b[31m; p=\x07") +
                 txt("_dmarc.example.org", "v=DMARC1; p=\x1b[31m"))
    assert done.status == 78
    assert not any(c < 32 and c != 10 for c in done.stdout + done.stderr), str(done)


# --- DMARC ---

# Records by name, sections' settings, argument, status, words.
DMARC = {
    "relaxed": ({"example.org": "v=DMARC1; p=reject; sp=quarantine"}, {}, None, 0,
                ["_dmarc.example.org: note: for example.org: p=reject sp=quarantine "
                 "adkim=r (relaxed) aspf=r (relaxed)",
                 "example.org: good: From: example.org and the signature (d=example.org) are "
                 "aligned (relaxed)"]),
    "strict": ({"example.org": "v=DMARC1; p=none; adkim=s; aspf=s"}, {}, None, 0,
               ["p=none adkim=s (strict) aspf=s (strict)", "are aligned (strict)"]),
    "strict, subdomains on": ({"example.org": "v=DMARC1; p=none; adkim=s"}, {"subdomains": "on"},
                              None, 0,
                              ["are aligned (strict)", "example.org: warning: subdomains = on, "
                               "but From: a subdomain and the signature (d=example.org) are not "
                               "aligned (strict)"]),
    "a subdomain, relaxed": ({"example.org": GOOD_DMARC}, {"subdomains": "on"},
                             "news.example.org", 0,
                             ["_dmarc.example.org: note: for news.example.org: p=reject",
                              "From: news.example.org and the signature (d=example.org) are "
                              "aligned (relaxed)"]),
    "a subdomain, strict": ({"example.org": "v=DMARC1; p=none; adkim=s"}, {"subdomains": "on"},
                            "news.example.org", 78,
                            ["news.example.org: wrong: From: news.example.org and the signature "
                             "(d=example.org) are not aligned (strict)"]),
    "a subdomain with its own": ({"example.org": "v=DMARC1; p=none; adkim=s",
                                  "news.example.org": "v=DMARC1; p=reject; adkim=r"},
                                 {"subdomains": "on"}, "news.example.org", 0,
                                 ["_dmarc.news.example.org: note: for news.example.org: p=reject",
                                  "are aligned (relaxed)"]),
    "a subdomain alone": ({"news.example.org": GOOD_DMARC}, {"subdomains": "on"},
                          "news.example.org", 78,
                          ["news.example.org: wrong: From: news.example.org and the signature "
                           "(d=example.org) are not aligned (relaxed), as example.org has no "
                           "DMARC record", "publish one at _dmarc.example.org"]),
    "the uppermost": ({"example.org": GOOD_DMARC, "news.example.org": "v=DMARC1; p=none"},
                      {"subdomains": "on"}, "a.news.example.org", 0,
                      ["_dmarc.example.org: note: for a.news.example.org: p=reject"]),
    "an organization": ({"example.org": GOOD_DMARC, "news.example.org": "v=DMARC1; psd=n; p=none"},
                        {"subdomains": "on"}, "a.news.example.org", 78,
                        ["_dmarc.news.example.org: note: for a.news.example.org: p=none",
                         "are not aligned (relaxed), as their organizations are news.example.org "
                         "and example.org"]),
    "an organization itself": ({"example.org": GOOD_DMARC,
                                "news.example.org": "v=DMARC1; psd=n; p=none"},
                               {"subdomains": "on"}, "news.example.org", 78,
                               ["are not aligned (relaxed)"]),
    "an organization of its own": ({"example.org": "v=DMARC1; psd=n; p=reject",
                                    "org": "v=DMARC1; psd=y; p=none"},
                                   {"subdomains": "on"}, "a.news.example.org", 0,
                                   ["_dmarc.example.org: note: for a.news.example.org: p=reject",
                                    "are aligned (relaxed)"]),
    "a public suffix": ({"example.org": "v=DMARC1; psd=y; p=reject",
                         "news.example.org": "v=DMARC1; p=none"},
                        {"subdomains": "on"}, "a.news.example.org", 78,
                        ["_dmarc.news.example.org: note: for a.news.example.org: p=none",
                         "are not aligned (relaxed), as their organizations are news.example.org "
                         "and example.org"]),
    "a public suffix alone": ({"example.org": "v=DMARC1; psd=y; p=reject"},
                              {"subdomains": "on"}, "a.news.example.org", 78,
                              ["_dmarc.example.org: note: for a.news.example.org: p=reject",
                               "are not aligned (relaxed)"]),
    "a public suffix signs": ({"example.org": "v=DMARC1; psd=y; p=reject"},
                              {"subdomains": "on"}, None, 0,
                              ["are aligned (relaxed)", "example.org: warning: subdomains = on, "
                               "but From: a subdomain and the signature (d=example.org) are not "
                               "aligned (relaxed), as each is an organization by psd=y"]),
    "a top level that is one": ({"org": "v=DMARC1; psd=y; p=reject"}, {"subdomains": "on"},
                                "a.news.example.org", 0,
                                ["_dmarc.org: note: for a.news.example.org: p=reject",
                                 "are aligned (relaxed)"]),
    "a top level": ({"org": GOOD_DMARC}, {}, None, 0,
                    ["_dmarc.org: note: for example.org: p=reject", "are aligned (relaxed)"]),
    "none": ({}, {}, None, 0, ["example.org: note: there is no DMARC record, here or above"]),
    "no p=": ({"example.org": "v=DMARC1; adkim=s"}, {}, None, 0,
              ["_dmarc.example.org: warning: p= is missing or unknown"]),
    "something else": ({"example.org": "v=spf1 -all"}, {}, None, 0, ["there is no DMARC record"]),
}


@pytest.mark.parametrize("case", DMARC)
def test_dmarc(program, case):
    policies, changes, argument, status, words = DMARC[case]
    configure(program, {"s1": RSA}, **changes)
    records = txt(RSA.name, RSA.record) + "".join(txt(f"_dmarc.{domain}", text)
                                                  for domain, text in policies.items())
    lines = told(check(program, records, *([argument] if argument else [])), status,
                 "s1._domainkey.example.org: good: ", *words)
    assert len(lines) == len(set(lines))
    assert status == 0 or not any("are aligned" in line for line in lines)


@pytest.mark.parametrize("above, words", [
    ([], "example.org: note: there is no DMARC record that counts, here or above"),
    (["v=DMARC1; p=quarantine"], "_dmarc.org: note: for example.org: p=quarantine"),
])
def test_several_dmarc_records(program, above, words):
    configure(program, {"s1": RSA})
    lines = told(check(program, txt(RSA.name, RSA.record) + txt("_dmarc.org", *above) +
                       txt("_dmarc.example.org", GOOD_DMARC, "hello", "v=DMARC1; p=none")), 0,
                 "_dmarc.example.org: warning: there are 2 DMARC records", words)
    assert not any("there is no DMARC record," in line for line in lines)


def test_what_both_domains_ask_is_told_once(program):
    """The walks from the author's domain and from the signature's have their upper part in common."""
    configure(program, {"s1": RSA}, subdomains="on")
    lines = told(check(program, txt(RSA.name, RSA.record) + txt("_dmarc.org", GOOD_DMARC) +
                       txt("_dmarc.example.org", GOOD_DMARC, GOOD_DMARC), "a.example.org"), 0,
                 "are aligned (relaxed)")
    assert len(graded(lines, "warning")) == 1


def test_dmarc_of_a_deep_domain(program):
    """RFC 9989 4.10: from nine labels on the next to be asked is the one of seven."""
    key = Key("a.b.c.d.e.f.g.example.org", "s1")
    configure(program, {"s1": key})
    records = txt(key.name, key.record)
    told(check(program, records + txt("_dmarc.b.c.d.e.f.g.example.org", GOOD_DMARC)), 0,
         "there is no DMARC record")
    told(check(program, records + txt("_dmarc.c.d.e.f.g.example.org", GOOD_DMARC)), 0,
         "_dmarc.c.d.e.f.g.example.org: note: for a.b.c.d.e.f.g.example.org: p=reject")


# --- the DNS ---

def ask(program, names, *args, **popen):
    """The check in a network where these names are; see nameserver.py."""
    argv = nameserver.command(program.folder, names,
                              program.command(("--dkim-check", *args), "mailchute"))
    return program.finish(program.start(argv=argv, **popen))


def entry(*texts):
    return {"txt": [strings(text) for text in texts]}


GOOD_NAMES = {RSA.name: entry(RSA.record), ED.name: entry(ED.record),
              "_dmarc.example.org": entry(GOOD_DMARC)}


@needs_root     # for a network
def test_dns(program):
    configure(program)
    assert len(GOOD_NAMES[RSA.name]["txt"][0]) == 2
    lines = told(ask(program, GOOD_NAMES), 0, "s1._domainkey.example.org: good: ",
                 "s2._domainkey.example.org: good: ", "example.org: good: From: ")
    assert len(lines) == 4


@needs_root
def test_dns_cname(program):
    configure(program, {"s1": RSA})
    names = {RSA.name: {"cname": "a.example.net"}, "a.example.net": {"cname": "b.example.net"},
             "b.example.net": entry(RSA.record)}
    told(ask(program, names), 0, "note: a CNAME leads to b.example.net", ": good: ")


@needs_root
def test_dns_truncated(program):
    """Over 512 octets an answer comes over TCP."""
    key = Key("example.org", "s1", bits=4096)
    configure(program, {"s1": key})
    assert len(key.record) > 512
    told(ask(program, {key.name: entry(key.record)}), 0, ": good: ", "4096 bits")


WRONG_NAMES = {
    "no name": ({}, "there is no such name"),
    "no record": ({RSA.name: {"txt": []}}, "the name has no TXT record"),
    "a cname to nowhere": ({RSA.name: {"cname": "nowhere.example.net"}}, "there is no such name"),
    "two records": ({RSA.name: entry(RSA.record, "x")}, "there are 2 TXT records"),
    "another key": ({RSA.name: entry(OTHER.record)}, "another key"),
    "revoked": ({RSA.name: {"txt": [["v=DKIM1; ", "", "p="]]}}, "revoked"),
}


@needs_root
@pytest.mark.parametrize("case", WRONG_NAMES)
def test_dns_wrong(program, case):
    names, words = WRONG_NAMES[case]
    configure(program, {"s1": RSA})
    (line,) = graded(told(ask(program, names), 78), "wrong")
    assert words in line


UNAVAILABLE = {
    "SERVFAIL": {"rcode": "SERVFAIL"}, "REFUSED": {"rcode": "REFUSED"},
    "a time-out": {"silent": True}, "TCP refused": {"tcp": "closed"},
    # The resolver would wait for ever; 15 seconds are enough.
    "TCP silent": {"tcp": "silent"},
}


@needs_root
@pytest.mark.parametrize("case", UNAVAILABLE)
def test_dns_unavailable(program, case):
    configure(program)
    names = {**GOOD_NAMES, RSA.name: UNAVAILABLE[case]}
    lines = told(ask(program, names), 75, "s2._domainkey.example.org: good: ",
                 "s1._domainkey.example.org: unknown: the DNS gives no answer now")
    assert graded(lines, "wrong") == []


@needs_root
def test_dns_unavailable_for_dmarc_alone(program):
    configure(program)
    told(ask(program, {**GOOD_NAMES, "_dmarc.example.org": {"rcode": "SERVFAIL"}}), 75,
         "_dmarc.example.org: unknown: the DNS gives no answer now")


@needs_root
def test_what_is_wrong_counts_more_than_what_is_unknown(program):
    configure(program)
    names = {**GOOD_NAMES, RSA.name: {"rcode": "SERVFAIL"}, ED.name: entry("v=DKIM1; p=")}
    told(ask(program, names), 78, ": unknown: ", "s2._domainkey.example.org: wrong: ")


@needs_root
def test_tempfail_status(program):
    configure(program, settings={"tempfail_status": 69})
    told(ask(program, {**GOOD_NAMES, RSA.name: {"rcode": "SERVFAIL"}}), 69, ": unknown: ")


@needs_root
def test_no_server(program):
    """Nobody listens where resolv.conf points."""
    configure(program, {"s1": RSA})
    argv = ["unshare", "-n", *program.command(("--dkim-check",), "mailchute")]
    done = program.finish(program.start(argv=argv))
    assert done.status == 75 and b": unknown: " in done.stdout, str(done)

"""sendmail's options, row by row: accepted, or 64 with the option named."""

import pytest

from expect import HEADER, MESSAGE, delivered, failed, field, silent, untouched, wire

TO = ("-f", "a@example.org", "b@example.net")

ACCEPTED = """
-bm | -i | -oi | -o i | -oem | -oee | -odi | -odb | -or0s | -om | -o em | -n | -m | -B8BITMIME
-B 8BITMIME | -B7BIT | -B 7BIT | -N never | -Nsuccess,failure,delay | -N failure | -R hdrs
-Rfull | -V id-1 | -Vid-1 | -O Option=value | -OOption=value | -O smtputf8=no
-O mt-priority=3 | -L tag | -Ltag | -A c | -Ac | -Am | -c | -d | -d0.1
-d0-99.1 | -E | -e m | -em | -ep | -G | -h 3 | -h17 | -J x | -Jx | -M x | -Mqueue-id | -p smtp
-pESMTP:host | -Q x | -Qreason | -S | -s | -T | -U | -x | -z x | -zx | -i -oi -oem -odi -B7BIT
-in | -im | -inmG | -iF Ann | -iFAnn | -noem | -imB 8BITMIME
"""


def rows(table):
    return [tuple(row.split()) for line in table.strip().splitlines() for row in line.split("|")]


@pytest.mark.parametrize("options", rows(ACCEPTED), ids=" ".join)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_accepted(rig, options, place):
    server = rig.serve()
    args = options + TO if place == "before" else TO + options
    message = delivered(rig.send(*args, input=MESSAGE), server)
    assert message.recipients == [b"b@example.net"]
    assert message.data == wire(MESSAGE)


@pytest.mark.parametrize("option", ["-D", "-X"])
@pytest.mark.parametrize("glued", [True, False])
def test_files_are_not_written(rig, option, glued):
    server = rig.serve()
    file = str(rig.program.folder / "trace")
    args = (option + file,) if glued else (option, file)
    delivered(rig.send(*args, *TO, input=MESSAGE), server)
    assert not (rig.program.folder / "trace").exists()


@pytest.mark.parametrize("args, sender", [
    (("-t", "-i"), None), (("-ti",), None), (("-it",), None), (("-tioi",), None),
    (("-ti", "-f", "x@example.org"), "x@example.org"), (("-tif", "x@example.org"), "x@example.org"),
    (("-tifx@example.org",), "x@example.org"), (("-i", "-fx@example.org", "-t"), "x@example.org"),
    (("-tr", "x@example.org"), "x@example.org"), (("-t", "--"), None),
])
def test_bundles(rig, args, sender):
    server = rig.serve()
    message = delivered(rig.send(*args, input=MESSAGE), server)
    assert message.recipients == [b"b@example.net"]
    assert message.sender.startswith(f"<{sender or 'a@example.org'}>".encode())


@pytest.mark.parametrize("option", [
    "-ba", "-bd", "-bD", "-bh", "-bH", "-bl", "-bP", "-bt", "-bz",
    "-k", "-Z", "-1", "-@", "-K", "-Y", "-ik", "-tk",
])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_refused(rig, option, place):
    server = rig.serve()
    named = "-" + option[-1] if option in ("-ik", "-tk") else option
    args = (option,) + TO if place == "before" else TO + (option,)
    failed(rig.send(*args, input=MESSAGE), 64, named)
    untouched(server)


@pytest.mark.parametrize("option", ["-f", "-F", "-r", "-B", "-N", "-R", "-V", "-O", "-L", "-D",
                                    "-X", "-A", "-b", "-e", "-h", "-o", "-p", "-z", "-tif"])
def test_value_missing(rig, option):
    server = rig.serve()
    failed(rig.send("b@example.net", option, input=MESSAGE), 64, "-" + option[-1])
    untouched(server)


LONG = ["--config", "--account", "--check", "--dry-run", "--sign", "--verify", "--dkim-keygen",
        "--dkim-check", "--version", "--help", "--nosuch", "--config=/dev/null", "---"]


@pytest.mark.parametrize("name", ["sendmail", "mailq", "newaliases"])
@pytest.mark.parametrize("option", LONG)
def test_long_options_are_mailchutes_alone(rig, option, name):
    server = rig.serve()
    failed(rig.send(option, "x", input=MESSAGE, name=name), 64, option.split("=")[0], program=name)
    untouched(server)


@pytest.mark.parametrize("args", [("-C", "{}"), ("-C{}",), ("-tiC", "{}")])
def test_the_configuration_is_not_the_callers_choice(rig, args):
    server = rig.serve()
    args = [a.format(rig.program.config) for a in args]
    failed(rig.send(*args, *TO, input=MESSAGE), 64, "-C", "mailchute --config")
    untouched(server)


@pytest.mark.parametrize("args", [("-C", "{}"), ("-C{}",), ("--config", "{}"), ("--config={}",)])
def test_configuration_by_option(rig, args):
    server = rig.serve()
    args = [a.format(rig.program.config) for a in args]
    delivered(rig.send(*args, *TO, name="mailchute", env={"MAILCHUTE_CONFIG": None}), server)


def test_unknown_long_option(rig):
    server = rig.serve()
    failed(rig.send("--nosuch", name="mailchute"), 64, "--nosuch", program="mailchute")
    untouched(server)


def test_options_behind_the_double_dash_are_recipients(rig):
    server = rig.serve()
    message = delivered(rig.send("-f", "a@example.org", "--", "-t@example.net", "-f@example.net"),
                        server)
    assert message.recipients == [b"-t@example.net", b"-f@example.net"]


def test_full_name_with_a_value_that_looks_like_an_option(rig):
    server = rig.serve()
    message = delivered(rig.send("-F", "-t", *TO, input=b"Subject: x\n\nhello\n"), server)
    assert field(message.data, "From") == "-t <a@example.org>"


@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN"])
def test_verbose(rig, auth):
    server = rig.serve(auth=auth)
    done = rig.send("-v", *TO, input=MESSAGE)
    assert done.status == 0 and done.stderr == b"", str(done)
    for word in (b"EHLO", b"STARTTLS", b"AUTH", b"MAIL FROM:<a@example.org>", b"queued as 4711"):
        assert word in done.stdout, str(done)
    for secret in (b"secret", b"c2VjcmV0", b"AGFsaWNlAHNlY3JldA"):
        assert secret not in done.stdout
    assert b"***" in done.stdout
    assert len(server.messages) == 1


def test_queue_runs_do_nothing(rig):
    server = rig.serve()
    for option in ("-q", "-q15m", "-qIabc", "-qRexample", "-qSexample"):
        process = rig.program.start(option)
        assert process.wait(60) == 0, option        # stdin is still open
        silent(rig.program.finish(process))
    untouched(server)


def test_what_the_message_is_decides_not_b(rig):
    server = rig.serve()
    eight = HEADER + (b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                      b"Content-Transfer-Encoding: 8bit\n\ncaf\xc3\xa9\n")
    rig.send("-B7BIT", *TO, input=eight)
    rig.send("-B8BITMIME", *TO, input=MESSAGE)
    assert [b"8BITMIME" in m.sender for m in server.messages] == [True, False]
    assert server.messages[0].data == wire(eight)

"""Files with secrets in a user namespace that does not know root, as bwrap and systemd make it."""

import shutil
import subprocess

import pytest

from postfix import needs_root

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
USER = 1234
# A user in a namespace where others, root among them, show as one who is nobody.
INSIDE = (f"setpriv --reuid {USER} --regid {USER} --clear-groups "
          "unshare -U --map-current-user")
# A file system whose root is on no way through /tmp, where others can write.
SCRIPT = f"""
set -e
mount -t tmpfs -o mode=755 none /mnt
cd /mnt
cp "$BINARY" mailchute
mkdir -p way/to
echo secret >way/to/password
chown -R {USER}:{USER} way/to
chmod 0600 way/to/password
cat >conf <<'END'
account "default" {{
	host = "localhost"
	user = "a"
	password_file = "/mnt/way/to/password"
}}
END
chmod 0644 conf
$CHANGES
exec {INSIDE} ./mailchute --config conf --check
"""

# What root changes, status, words.
CASES = {
    "nothing": ("", 0, "good: 1 account"),
    "a link of root's": ("mv way where; ln -s where way", 0, "good: 1 account"),
    "others may write": ("chmod 0757 way", 77, "the directory /mnt/way belongs to another user"),
    "a group may write": ("chmod 0775 way", 77, "the directory /mnt/way belongs to another user"),
    "sticky": ("chmod 1777 way", 77, "the directory /mnt/way belongs to another user"),
    "the file is root's": ("chown root way/to/password; chmod 0640 way/to/password", 77,
                           f"unknown in this user namespace, and only the caller's own files can "
                           f"be trusted here; mend it with: chown {USER} "
                           "'/mnt/way/to/password'"),
}


def has_namespaces():
    return all(map(shutil.which, ("unshare", "setpriv"))) and subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none /mnt && exec {INSIDE} true"],
        stderr=subprocess.DEVNULL, check=False).returncode == 0


@needs_root     # to give files away, and to mount
@pytest.mark.parametrize("case", CASES)
def test_root_is_unknown(program, binary, case):
    if not has_namespaces():
        pytest.skip("no user namespaces here")
    changes, status, words = CASES[case]
    done = program.finish(program.start(argv=["unshare", "-m", "sh", "-c",
                                              SCRIPT.replace("$CHANGES", changes)],
                                        env={"BINARY": str(binary), "PATH": PATH}))
    assert done.status == status, str(done)
    assert words in (done.stdout + done.stderr).decode(), str(done)

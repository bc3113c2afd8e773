"""Checks a log's checkpoint and the inclusion of entries, from its tiles alone.

Another reading of the same specifications, in another language and with nothing
but the standard library: RFC 8032 (Ed25519), RFC 6962 (the tree), and C2SP's
signed-note, tlog-checkpoint and tlog-tiles. Slow, and plain on purpose.

    python3 verify.py DIR KEY INDEX...      checks; prints one line for each

DIR is a copy of a log that was made with its entries, or the log itself, whose
entries are in envelopes that this does not open: there the hash of an entry is
checked and the entry is not. Exits with 0 when all holds, with 1 when something
does not or cannot be read, and with 2 when all that could be read holds, and
entries could not.
"""
import base64
import hashlib
import sys

# How a bundle begins whose entries are in envelopes.
SEALED = b"\xff\xffMABS1\n"
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Adds two points in extended coordinates (RFC 8032, 5.1.4)."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point(bytes_):
    """Decodes a point (RFC 8032, 5.1.3)."""
    y = int.from_bytes(bytes_, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        raise ValueError("a coordinate is beyond the field")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not on the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, message, signature):
    """Whether a signature holds (RFC 8032, 5.1.7)."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    return same(times(s, BASE), add(point(r), times(k, point(key))))


def checkpoint(text, vkey):
    """The size and the root that the log has signed."""
    if vkey.count("+") < 2:
        raise ValueError("KEY is the log's key itself, NAME+ID+KEY: the line in keys/audit.vkey")
    name, _, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != 1:
        raise ValueError("the key is no log's")
    identity = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    at = text.rindex("\n\n")
    body, lines = text[: at + 1], text[at + 2 :].splitlines()
    origin, size, root = body.splitlines()
    if origin != name:
        raise ValueError("a checkpoint of another log")
    for line in lines:
        dash, who, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and who == name and signature[:4] == identity:
            if not signed(key[1:], body.encode(), signature[4:]):
                raise ValueError("a false signature")
            return int(size), base64.b64decode(root, validate=True)
    raise ValueError("the key has not signed it")


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def path(row, index, count):
    """What a tile or a bundle is called."""
    parts = []
    number = index
    while True:
        parts.insert(0, "%03d" % (number % 1000))
        number //= 1000
        if not number:
            break
    width = min(256, count - index * 256)
    name = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return "tile/%s/%s%s" % (row, name, "" if width == 256 else ".p/%d" % width)


def read(folder, row, index, count):
    """A tile or a bundle; the full one may stand in for one that was not full."""
    for many in (count, 256 * (index + 1)):
        try:
            with open("%s/%s" % (folder, path(row, index, many)), "rb") as file:
                return file.read()
        except FileNotFoundError:
            pass
    raise ValueError("%s is not there" % path(row, index, count))


def hash_at(folder, size, level, index):
    """The node over 2^level leaves, from the tile that has it or its parts."""
    row, first, many = level // 8, index << (level % 8), 1 << (level % 8)
    tile = read(folder, row, first // 256, size >> (8 * row))
    nodes = [tile[32 * (first % 256 + at) :][:32] for at in range(many)]
    while len(nodes) > 1:
        nodes = [node(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def over(folder, size, start, end):
    """MTH of RFC 6962, 2.1, for the leaves from start on and before end."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return hash_at(folder, size, level, start >> level)
    part = 1 << ((count - 1).bit_length() - 1)
    return node(over(folder, size, start, start + part), over(folder, size, start + part, end))


def tree(nodes):
    """MTH of RFC 6962, 2.1, over hashes of leaves."""
    if len(nodes) < 2:
        return nodes[0] if nodes else hashlib.sha256(b"").digest()
    part = 1 << ((len(nodes) - 1).bit_length() - 1)
    return node(tree(nodes[:part]), tree(nodes[part:]))


def hashes(folder, size, root):
    """Checks that all tiles are those that lead to the root."""
    row, nodes = 0, []
    while row == 0 or size >> (8 * row):
        below, nodes, count = nodes, [], size >> (8 * row)
        for index in range((count + 255) // 256):
            name, width = path(row, index, count), min(256, count - index * 256)
            tile = read(folder, row, index, count)[: 32 * width]
            if len(tile) != 32 * width:
                raise ValueError("%s has not as many hashes as it should" % name)
            tile = [tile[at : at + 32] for at in range(0, len(tile), 32)]
            for at, one in enumerate(tile, index * 256):
                if row and one != tree(below[at * 256 : at * 256 + 256]):
                    raise ValueError("%s is not over the tiles below it" % name)
            nodes += tile
        if row == 0 and tree(nodes) != root:
            raise ValueError("the tiles do not lead to the root that was signed")
        row += 1


def entry_at(folder, size, index):
    """An entry; none where it is in an envelope."""
    bundle = read(folder, "entries", index // 256, size)
    if bundle.startswith(SEALED):
        return None
    for _ in range(index % 256):
        bundle = bundle[2 + int.from_bytes(bundle[:2], "big") :]
    return bundle[2:][: int.from_bytes(bundle[:2], "big")]


def proved(folder, size, root, index, entry):
    """Whether an entry is where it should be (PATH of RFC 6962, 2.1.1)."""

    def climb(start, end):
        if end - start == 1:
            return hashlib.sha256(b"\x00" + entry).digest()
        part = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < part:
            return node(climb(start, part), over(folder, size, part, end))
        return node(over(folder, size, start, part), climb(part, end))

    return climb(0, size) == root


def check(folder, vkey, indexes):
    """Prints what is checked, and gives what to exit with."""
    try:
        with open(folder + "/checkpoint", encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ValueError("there is no file `checkpoint` in %s: name the folder of a log or of a copy" % folder)
    size, root = checkpoint(text, vkey)
    print("checkpoint of %d entries: signed" % size)
    hashes(folder, size, root)
    print("tiles: lead to the root that was signed")
    good, sealed = True, False
    for index in indexes:
        if not 0 <= index < size:
            raise ValueError("there are %d entries, counted from 0, and no entry %d" % (size, index))
        entry = entry_at(folder, size, index)
        if entry is None:
            sealed = True
            print("entry %d: its hash is included; the entry is sealed, and was not checked" % index)
        else:
            holds = proved(folder, size, root, index, entry)
            print("entry %d: %s" % (index, "included" if holds else "NOT included"))
            good = good and holds
    if sealed:
        print(
            "entries are sealed where a log is written: `mycel audit export` shows them, and a copy of\n"
            "`mycel audit mirror --as operator` has them for this program"
        )
    return (2 if sealed else 0) if good else 1


def main():
    try:
        folder, vkey, indexes = sys.argv[1], sys.argv[2].strip(), [int(index) for index in sys.argv[3:]]
    except (IndexError, ValueError):
        sys.exit("verify.py DIR KEY INDEX...: a folder, the log's key itself, and numbers of entries")
    try:
        sys.exit(check(folder, vkey, indexes))
    except (OSError, ValueError, IndexError) as why:
        sys.exit("not good: %s" % why)


if __name__ == "__main__":
    main()

"""Checks a log's checkpoint and the inclusion of entries, from its tiles alone.

Another reading of the same specifications, in another language and with nothing
but the standard library: RFC 8032 (Ed25519), RFC 6962 (the tree), and C2SP's
signed-note, tlog-checkpoint and tlog-tiles. Slow, and plain on purpose.

    python3 verify.py DIR KEY INDEX...      checks; prints one line for each
"""
import base64
import hashlib
import sys

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


def hash_at(folder, size, level, index):
    """The node over 2^level leaves, from the tile that has it or its parts."""
    row, first, many = level // 8, index << (level % 8), 1 << (level % 8)
    with open("%s/%s" % (folder, path(row, first // 256, size >> (8 * row))), "rb") as file:
        tile = file.read()
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


def proved(folder, size, root, index):
    """Whether an entry is where it should be (PATH of RFC 6962, 2.1.1)."""
    with open("%s/%s" % (folder, path("entries", index // 256, size)), "rb") as file:
        bundle = file.read()
    for _ in range(index % 256):
        bundle = bundle[2 + int.from_bytes(bundle[:2], "big") :]
    entry = bundle[2:][: int.from_bytes(bundle[:2], "big")]

    def climb(start, end):
        if end - start == 1:
            return hashlib.sha256(b"\x00" + entry).digest()
        part = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < part:
            return node(climb(start, part), over(folder, size, part, end))
        return node(over(folder, size, start, part), climb(part, end))

    return climb(0, size) == root


def main():
    folder, vkey, indexes = sys.argv[1], sys.argv[2], [int(index) for index in sys.argv[3:]]
    with open(folder + "/checkpoint", encoding="utf-8") as file:
        size, root = checkpoint(file.read(), vkey)
    print("checkpoint of %d entries: signed" % size)
    good = True
    for index in indexes:
        holds = proved(folder, size, root, index)
        print("entry %d: %s" % (index, "included" if holds else "NOT included"))
        good = good and holds
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

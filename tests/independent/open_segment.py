#!/usr/bin/env python3
"""Opens one encrypted segment with pyarrow and PyPI's cryptography alone, by crypto/FORMAT.md, and recomputes its root.

usage: open_segment.py ARCHIVE KEY_FILE SEGMENT [--records FILE]

ARCHIVE is the directory of a file store, SEGMENT the key of a segment in it (segments/...). --records writes each
record and a line feed. Ends with 1 at the first thing that does not hold.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import struct
import sys
import uuid
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Refused(Exception):
    """Something in the archive is not as the format says."""


def check(holds, message):
    if not holds:
        raise Refused(message)


# Keys (FORMAT.md sections 4 and 11).


def read_key_file(path):
    lines = [line for line in open(path, encoding="ascii").read().splitlines() if not line.startswith("#")]
    check(lines[:1] == ["strongroom-key-v1"], "not a strongroom-key-v1 file")
    members = dict(line.rsplit(" ", 1) for line in lines[1:])
    return bytes.fromhex(members["archive"]), base64.b64decode(members["kek"], validate=True)


def str16(text):
    return struct.pack(">H", len(text)) + text


def str32(data):
    return struct.pack(">I", len(data)) + data


class Keys:
    def __init__(self, root, archive, kek):
        self.root, self.archive, self.kek = root, archive, kek
        self.kek_id = hashlib.sha256(b"strongroom/kek-id/v1\0" + kek).digest()[:8].hex()
        self.dek = None

    def unwrap(self, path, kind, name, generation):
        stored = json.loads(open(os.path.join(self.root, path), "rb").read())
        stated = [stored[member] for member in ("archive_id", "generation", "id", "kek_id", "kind", "v")]
        wanted = [self.archive.hex(), generation, name, self.kek_id, kind, 1]
        check(stated == wanted, f"{path} states {stated}, not {wanted}")
        context = b"strongroom/wrap/v1\0" + self.archive + str16(kind.encode()) + str16(name.encode())
        context += struct.pack(">Q", generation)
        wrapped = base64.b64decode(stored["wrapped"], validate=True)
        return AESGCM(self.kek).decrypt(wrapped[:12], wrapped[12:], context)

    def period(self, name):
        name, generation = name.rsplit("/", 1)
        return self.unwrap(f"keys/period/{name}/{generation}", "period", name, int(generation))

    def origin(self):
        """All generations of the key that makes origin handles."""
        folder = os.path.join(self.root, "keys", "origin")
        names = sorted(name for name in os.listdir(folder) if name.isdigit()) if os.path.isdir(folder) else []
        return [self.unwrap(f"keys/origin/{name}", "origin", "origin", int(name)) for name in names]


class Kms(pe.KmsClient):
    """What pyarrow asks for the data key: it gets nothing but the master key's id and the wrapped bytes."""

    def __init__(self, keys):
        super().__init__()
        self.keys = keys

    def wrap_key(self, key_bytes, master_key_identifier):
        raise NotImplementedError("this client reads")

    def unwrap_key(self, wrapped_key, master_key_identifier):
        wrapped = base64.b64decode(wrapped_key, validate=True)
        check(len(wrapped) == 92, "the wrapped key is not of 92 bytes")
        archive, segment, nonce, sealed = wrapped[:16], wrapped[16:32], wrapped[32:44], wrapped[44:]
        check(archive == self.keys.archive, "the wrapped key is another archive's")
        self.keys.segment = uuid.UUID(bytes=segment)
        self.keys.period_key = master_key_identifier
        dek = AESGCM(self.keys.period(master_key_identifier)).decrypt(nonce, sealed, archive + segment)
        self.keys.dek = dek
        return dek


# Texts of typed values (FORMAT.md section 4.2).


def instant(value, digits):
    unit = 10**digits
    moment = EPOCH + timedelta(seconds=value // unit)
    fraction = f".{value % unit:0{digits}d}" if digits else ""
    return (moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z").encode()


def as_bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


FORMS = {
    0: as_bytes,
    1: lambda value: str(uuid.UUID(bytes=value)).encode(),
    2: binascii.hexlify,
    3: lambda value: b"%d" % value,
    4: lambda value: instant(value, 0),
    5: lambda value: instant(value, 3),
    6: lambda value: instant(value, 6),
}
TIME = 7


class Input:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        check(self.at + count <= len(self.data), "definitions or packed values end early")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self):
        return self.take(self.varint())

    def end(self):
        check(self.at == len(self.data), "bytes are left over after definitions or packed values")


def read_definitions(data):
    source, slots, templates = Input(data), [], []
    for _ in range(source.varint()):
        path, kind = source.text(), source.take(1)[0]
        check(kind < 3, f"slot {path!r} has class {kind}")
        cells = [(source.take(1)[0], source.text().decode()) for _ in range(source.varint())]
        slots.append(cells)
    for _ in range(source.varint()):
        parts = [(source.text(), source.varint()) for _ in range(source.varint())]
        last = source.text()
        check(all(slot < len(slots) for _, slot in parts), "a template names a slot that is not defined")
        templates.append((parts, sorted(slot for _, slot in parts), last))
    source.end()
    return slots, templates


def values(column):
    """The values of a column; timestamps as integers."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_pylist()


class Rows:
    def __init__(self, table):
        self.columns = {name: values(table.column(name)) for name in table.column_names}
        self.count = table.num_rows
        self.slots, self.templates = [], []
        if "definitions" in self.columns:
            definitions = self.columns["definitions"]
            check(all(value is None for value in definitions[1:]), "definitions stand beyond the first row")
            self.slots, self.templates = read_definitions(definitions[0])
            check(len(self.templates) <= 4096, "too many templates")

    def cell(self, slot, row):
        for form, name in self.slots[slot]:
            column = self.columns.get(name)
            if column is None or column[row] is None:
                continue
            if form == TIME:
                digits = self.columns["time_form"][row]
                return instant(column[row] // 10 ** (6 - digits), digits)
            return FORMS[form](column[row])
        return None

    def value(self, name, row):
        column = self.columns.get(name)
        return None if column is None else column[row]

    def record(self, row):
        raw, template = self.value("raw", row), self.value("template", row)
        packed = self.value("packed", row)
        check((raw is None) != (template is None), f"row {row} is both raw and shredded, or neither")
        if raw is not None:
            check(packed is None, f"row {row} is raw and has packed values")
            return raw
        check(0 <= template < len(self.templates), f"row {row} has an unknown template")
        parts, ascending, last = self.templates[template]
        texts = {slot: self.cell(slot, row) for slot in ascending}
        source = Input(packed or b"")
        for slot in ascending:
            if texts[slot] is None:
                texts[slot] = source.text()
        source.end()
        return b"".join(literal + texts[slot] for literal, slot in parts) + last


# Leaves and root (FORMAT.md section 3, RFC 6962 section 2.1).


def salts(dek, count):
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"strongroom/leaf-salt/v1").derive(dek)
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(16 * count))
    return [stream[16 * row : 16 * row + 16] for row in range(count)]


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def tree_hash(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    stack = []
    for number, node in enumerate(hashes):
        stack.append(node)
        while number & 1:
            right, left = stack.pop(), stack.pop()
            stack.append(hashlib.sha256(b"\1" + left + right).digest())
            number >>= 1
    while len(stack) > 1:
        right, left = stack.pop(), stack.pop()
        stack.append(hashlib.sha256(b"\1" + left + right).digest())
    return stack[0]


class Range:
    """A range of the file, with how far its bytes are accounted for."""

    def __init__(self, stated):
        self.origin = stated["origin"]
        self.generation, self.start, self.end = stated["generation"], stated["start"], stated["end"]
        self.tail = base64.b64decode(stated["tail"], validate=True)
        self.at = self.start


def leaves(rows, ranges, archive, stream, dek, records):
    salt = salts(dek, rows.count + len(ranges))
    stream = str16(stream.encode())
    for row in range(rows.count):
        owner = ranges[rows.columns["origin"][row]]
        lead, raw, offset = rows.columns["lead"][row], rows.record(row), rows.columns["offset"][row]
        check(owner.at + len(lead) == offset, f"row {row} leaves a gap or overlaps in {owner.origin}")
        owner.at = offset + len(raw)
        if records:
            records.write(raw + b"\n")
        yield leaf_hash(
            b"strongroom/event/v1\0" + salt[row] + archive + stream + struct.pack(">Q", rows.columns["received"][row])
            + str16(owner.origin.encode()) + struct.pack(">QQ", owner.generation, offset)
            + str32(lead) + struct.pack(">H", 0) + str32(raw)
        )  # fmt: skip
    order = sorted(ranges, key=lambda one: (one.origin.encode(), one.generation))
    for place, one in enumerate(order):
        check(one.at + len(one.tail) == one.end, f"{one.origin} ends at {one.at + len(one.tail)}, not {one.end}")
        yield leaf_hash(
            b"strongroom/tail/v1\0" + salt[rows.count + place] + archive + str16(one.origin.encode())
            + struct.pack(">QQ", one.generation, one.at) + str32(one.tail)
        )  # fmt: skip


def handle(key, stream, origin):
    return hmac.digest(key, str16(stream.encode()) + str16(origin.encode()), "sha256")[:16].hex()


def check_manifest(manifest, keys, stream, data, segment, ranges):
    expected = {
        "archive_id": keys.archive.hex(),
        "bytes": len(data),
        "object": segment,
        "period_key": keys.period_key,
        "segment_id": str(keys.segment),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sha512": hashlib.sha512(data).hexdigest(),
        "stream": stream,
        "v": 1,
    }
    for name, value in expected.items():
        check(manifest[name] == value, f"the manifest's {name} is {manifest[name]!r}, not {value!r}")
    stated = [(one["origin"], one["generation"], one["start"], one["end"]) for one in manifest["ranges"]]
    for key in keys.origin():
        found = [(handle(key, stream, one.origin), one.generation, one.start, one.end) for one in ranges]
        if sorted(found) == sorted(stated):
            return
    raise Refused("the manifest's ranges are not those of the file")


def open_segment(archive_dir, key_file, segment, records):
    archive, kek = read_key_file(key_file)
    keys = Keys(archive_dir, archive, kek)
    path = os.path.join(archive_dir, segment)
    data = open(path, "rb").read()
    factory = pe.CryptoFactory(lambda _: Kms(keys))
    decryption = factory.file_decryption_properties(pe.KmsConnectionConfig())
    file = pq.ParquetFile(pa.BufferReader(data), decryption_properties=decryption)
    name = os.path.basename(segment).removesuffix(".parquet")
    check(str(keys.segment) == name, f"the file is of segment {keys.segment}")
    footer = {
        key.decode().removeprefix("strongroom."): value.decode()
        for key, value in file.metadata.metadata.items()
        if key.startswith(b"strongroom.")
    }
    check(footer["format"] == "1", f"format {footer['format']}")
    rows = Rows(file.read())
    check((footer["layout"] == "raw") == ("template" not in rows.columns), f"layout {footer['layout']}")
    ranges = [Range(stated) for stated in json.loads(footer["ranges"])]
    manifest = json.loads(open(os.path.join(archive_dir, "manifests", f"{name}.json"), "rb").read())
    check_manifest(manifest, keys, footer["stream"], data, segment, ranges)
    root = tree_hash(list(leaves(rows, ranges, archive, footer["stream"], keys.dek, records))).hex()
    check(rows.count == manifest["events"]["count"], f"{rows.count} rows, the manifest says {manifest['events']['count']}")
    check(root == manifest["events"]["root"], f"root {root}, the manifest says {manifest['events']['root']}")
    print(f"rows {rows.count}")
    print(f"root {root}")
    print("ok")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("archive")
    arguments.add_argument("key_file")
    arguments.add_argument("segment")
    arguments.add_argument("--records")
    given = arguments.parse_args()
    records = open(given.records, "wb") if given.records else None
    try:
        open_segment(given.archive, given.key_file, given.segment, records)
    except Exception as error:  # Whatever does not hold, the answer is the same.
        print(f"FAIL: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        if records:
            records.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

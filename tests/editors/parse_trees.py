"""Parses texts with a compiled grammar. Reads a job from standard input and writes the answer to standard output, both JSON.

The job: {"library", "highlights", "folds", "texts": [TEXT], "captures": BOOL, "edits": N, "seed": N}. The answer: {"abi", "trees": [{"error",
"statements": [[START, END]], "captures": [[START, END, NAME]]}], "reparsed": N, "clean": N, "different": [WHAT]}. Offsets count bytes.
"""

import ctypes
import json
import random
import sys

from tree_sitter import Language, Parser, Query, QueryCursor


def load(path):
    language = ctypes.CDLL(path).tree_sitter_ingress
    language.restype = ctypes.c_void_p
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype = ctypes.py_object
    capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return Language(capsule(language(), b"tree_sitter.Language", None))


def shape(node):
    """The tree with its places, hidden nodes aside."""
    return (node.type, node.is_named, node.is_missing, node.start_byte, node.end_byte, node.start_point, node.end_point, [shape(c) for c in node.children])


def tree_of(parser, query, text):
    root = parser.parse(text).root_node
    found = QueryCursor(query).captures(root) if query else {}
    captures = [(node.start_byte, node.end_byte, name) for name, nodes in found.items() for node in nodes]
    statements = [(n.start_byte, n.end_byte) for n in root.named_children if n.type != "comment"]
    return {"error": root.has_error, "statements": statements, "captures": sorted(captures)}


def point(text, offset):
    before = text[:offset]
    return (before.count(b"\n"), offset - (before.rfind(b"\n") + 1))


def edit(tree, old, start, end, new):
    """The tree after `old[start:end]` was replaced, and the text."""
    text = old[:start] + new + old[end:]
    last = start + len(new)
    tree.edit(start, end, last, point(old, start), point(old, end), point(text, last))
    return text


PIECES = [b" ", b"\n", b"{", b"}", b",", b'"', b"#", b"any", b"from ", b" 10.0.0.0/8", b"net x = any\n", b"$a", b"=>", b"=", b"@", b"9", b"a", b"(", b")", b"per "]


def reparse(parser, texts, count, seed):
    """Random edits, one after the other in each text, some of them taken back; each tree is compared with a fresh one."""
    chance = random.Random(seed)
    different = []
    done = clean = 0
    while done < count:
        text = chance.choice(texts)
        tree = parser.parse(text)
        for _ in range(6):
            start = chance.randrange(len(text) + 1)
            end = min(len(text), start + chance.choice([0, 0, 0, 1, 3, 9, 40]))
            new = b"".join(chance.choice(PIECES) for _ in range(chance.randrange(3)))
            before = text[start:end]
            for replaced, by in ((end, new), (start + len(new), before)) if chance.random() < 0.5 else ((end, new),):
                text = edit(tree, text, start, replaced, by)
                tree = parser.parse(text, tree)
                fresh = parser.parse(text)
                done += 1
                clean += not fresh.root_node.has_error
                if shape(tree.root_node) != shape(fresh.root_node):
                    different.append({"error": fresh.root_node.has_error, "text": text.decode("utf8", "replace")})
                    tree = fresh
    return done, clean, different


def main():
    job = json.load(sys.stdin)
    language = load(job["library"])
    parser = Parser(language)
    query = Query(language, job["highlights"])
    Query(language, job["folds"])
    texts = [text.encode() for text in job["texts"]]
    trees = [tree_of(parser, query if job["captures"] else None, text) for text in texts]
    whole = [text for text, tree in zip(texts, trees) if not tree["error"] and text]
    reparsed, clean, different = reparse(parser, whole, job["edits"], job["seed"]) if job["edits"] else (0, 0, [])
    json.dump({"abi": language.abi_version, "trees": trees, "reparsed": reparsed, "clean": clean, "different": different}, sys.stdout)


main()

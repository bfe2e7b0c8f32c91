# SPDX-License-Identifier: Apache-2.0
"""The blocks of a document, and whether what a command printed is what the document shows: see check-documents."""
import re

# What is another in each run, or on each machine, on both sides: times, processes, digests, versions, what blocks take.
VARIES = [(re.compile(pattern), text) for pattern, text in (
    (r"^\d{4}-\d\d-\d\dT[\d:.]+Z templatefs\[\d+\] ", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"\b[A-Z][a-z]{2} +\d+ \d\d:\d\d\b", "<date>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\b([a-z0-9.-]+-\d+m)-[0-9a-f]{16}\b", r"\1-<key>"),
    (r"\b[0-9a-f]{16,64}\b", "<digest>"),
    (r"\bpid \d+", "pid <n>"),
    (r"\b\d+(\.\d+)? ?(s|ms)\b", "<duration>"),
    (r"\b\d+\.\d+\.\d+[^ /]*-amd64\b", "<kernel>"),
    (r"\b(\d+K|\d+\.\d+[KMG])\b", "<size>"),
    (r"\b[1-9]\d* blocks\b", "<n> blocks"),
    (r"\bstate: (open|idle)\b", "state: <open or idle>"),
    (r"/dev/loop\d+", "/dev/loop<n>"),
    (r"\bversion \d[^ ]*", "version <v>"),
    (r"\b(btrfs-progs )?v\d+\.\d+[^ ,]*", "<v>"),
    (r"\b(mke2fs|e2fsck|mkfs\.xfs|xfsprogs|e2fsprogs) (version )?\d[^ ,)]*( \([^)]*\))?", r"\1 <v>"),
    (r"\b(kvm|tcg)\b", "<accelerator>"),
    (r"^total \d+$", "total <n>"),
    (r"^ *\d+ (?=[-dl]rw)", "<n> "),
    (r"[ \t]+", " "),
)]


# Looks that change nothing. What they tell of may be under way still, as the kernel's word that a file was closed.
LOOKS = re.compile(r"(templatefs (status|ls)|(cat|grep) [^|;&]*/\.templatefs/)[^;&]*$")


class Fault(Exception):
    pass


class Block:
    def __init__(self, language, line, above):
        self.language, self.line, self.lines = language, line, []
        reason = re.match(r"<!-- not run: (.+) -->$", above)
        name = re.search(r"`([\w~/.-]*[\w])`:$", above)
        self.not_run = reason and reason.group(1)
        self.file = name and name.group(1)

    def commands(self):
        """[prompt, command, line of its first output, outputs]"""
        found = []
        for offset, line in enumerate(self.lines):
            if line[:2] in ("# ", "$ "):
                found.append([line[0], line[2:], self.line + offset + 1, []])
            elif not found:
                raise Fault(f"line {self.line + offset}: an output without a command")
            elif (line[:2] == "> " or line == ">") and not found[-1][3]:
                found[-1][1] += "\n" + line[2:]
                found[-1][2] += 1
            else:
                found[-1][3].append(line)
        return found


def blocks_of(text):
    blocks, block, above, before = [], None, "", ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"( *)```(.*)$", line)
        if block:
            if fence and not fence.group(2):
                block = None
            else:
                block.lines.append(line[block.indent:])
        elif fence:
            block = Block(fence.group(2), number + 1, above)
            block.indent = len(fence.group(1))
            blocks.append(block)
        elif line.startswith("    ") and not before.strip():
            raise Fault(f"line {number}: a block that is not fenced, so that nobody knows what it is")
        before = line
        above = line.strip() or above
    if block:
        raise Fault(f"line {block.line}: the block does not end")
    return blocks


def examples_of(page):
    """The blocks in EXAMPLES of a manual page."""
    blocks, block, on = [], None, False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith(".Sh"):
            on = line == ".Sh EXAMPLES"
        elif on and line.startswith(".Bd"):
            block = Block("manual", number + 1, "")
            blocks.append(block)
        elif line.startswith(".Ed"):
            block = None
        elif block:
            block.lines.append(line)
    return blocks


def normal(line):
    for pattern, text in VARIES:
        line = pattern.sub(text, line)
    return line.strip()


def same(shown, printed):
    if shown == ["..."]:
        return False
    # A guest's kernel says more on a busy machine.
    shown, printed = ([line for line in lines if not re.match(r"\[ *\d+\.\d+\] ", line)] for lines in (shown, printed))
    text = "".join(normal(line) + "\n" for line in printed)
    pattern = ""
    for line in shown:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        elif line.endswith("..."):
            pattern += re.escape(normal(line[:-3])) + r".*\n"
        else:
            pattern += re.escape(normal(line)) + r"\n"
    return re.fullmatch(pattern, text) is not None

// ingressc diff says of each change what opens and closes; and each request that it names is admitted by one policy and refused by the other.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { BOUND_CHANGES } from "./diff_bound_changes.ts";
import { BASE, CHANGES } from "./diff_changes.ts";
import { envelope, folder, ingresscHere, type Ended, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff changes");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

for (const { name, before = BASE, edit, exit, openings, closings, out } of [...CHANGES, ...BOUND_CHANGES]) {
  test(name, async ({ dir }) => {
    dir.write("a.ingress", before);
    dir.write("b.ingress", edit(before));
    const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
    assert.is(ended.code, exit, ended.out + ended.err);
    for (const pattern of out) assert.match(ended.out, pattern);
    const { data } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path)) as { data: { openings: number; closings: number } };
    assert.equal([data.openings, data.closings], [openings, closings], ended.out);
    // An opening one way is a closing the other way.
    const back = await ingresscHere(["diff", "b.ingress", "a.ingress", "--json"], dir.path);
    const other = envelope(back)["data"] as { changes: readonly { kind: string }[] };
    const moves = (all: readonly { kind: string }[], kind: string): number => all.filter((c) => c.kind === kind).length;
    const changes = (envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as { changes: readonly { kind: string }[] })
      .changes;
    for (const [x, y] of [
      ["opened", "closed"],
      ["listener_opened", "listener_closed"],
    ] as const)
      assert.is(moves(changes, x), moves(other.changes, y));
  });
}

test("every request that it names is decided differently by the two policies", async ({ dir }) => {
  let tried = 0;
  for (const { before = BASE, edit } of [...CHANGES, ...BOUND_CHANGES]) {
    dir.write("a.ingress", before);
    dir.write("b.ingress", edit(before));
    const { changes } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as {
      changes: readonly { kind: string; effect: string | null; witness: string | null; requests?: readonly { witness: string }[] }[];
    };
    for (const { kind, effect, witness: first, requests = [] } of changes) {
      if (effect === null) continue;
      assert.is(first === null, requests.length === 0);
      for (const witness of new Set([...(first === null ? [] : [first]), ...requests.map((set) => set.witness)])) {
        tried++;
        const verdicts = await Promise.all(
          ["a.ingress", "b.ingress"].map(async (file) => verdict(await ingresscHere(["explain", file, witness, "--json"], dir.path))),
        );
        assert.equal(verdicts, effect === "opens" ? [false, true] : [true, false], `${kind}: ${witness}`);
      }
    }
  }
  assert.ok(tried >= 14, `only ${tried}`);
});

/** Whether the request is admitted; a policy without the listener admits nothing. */
function verdict(ended: Ended): boolean {
  const { code, message } = envelope(ended);
  if (code === "usage.unknown_expose") return false;
  return message === "allow";
}

test.run();

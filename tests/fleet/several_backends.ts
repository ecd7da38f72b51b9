// An engine with several backends of one expose, of which some don't accept.
import * as assert from "uvu/assert";
import { answersTo, type Engine } from "./acceptance.ts";
import { written } from "./policies.ts";

const PORTS = [18_443, 18_444, 18_445];
/** Those at which nobody listens. */
const DOWN = [[], PORTS.slice(0, 1), PORTS.slice(1, 2), PORTS.slice(0, 2), PORTS.slice(1)];

/** Each backend that accepts gets clients, and no client is refused while there is one. */
export function toThoseThatAccept(engine: Engine): void {
  const backends = PORTS.map((port) => `127.0.0.1:${port}`).join(", ");
  const several = written("several", `edition 1\nexpose web on tcp 8443 {\n  backend ${backends}\n  allow from any\n}\n`);
  const clients = Array.from({ length: 60 }, () => [Buffer.from("x")]);
  for (const down of DOWN) {
    const answers = answersTo(several, { ...engine, atATime: 4, down }, 8443, clients);
    const due = PORTS.filter((port) => !down.includes(port));
    assert.equal([...new Set(answers)].sort(), due, `${down.join()} down`);
  }
  assert.equal([...new Set(answersTo(several, { ...engine, down: PORTS }, 8443, clients))], [0]);
}

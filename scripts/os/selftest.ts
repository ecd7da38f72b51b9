// The traffic of the self-test for a machine that runs policies/os_image.ingress: traffic that must be admitted, and
// each kind of traffic that must be refused. The verdict comes from the machine's own counters
// (runtime/os/image/selftest.c); tests also check the answers.
import { client } from "./client.ts";
import { arpRequest, ip } from "./frames.ts";
import { realHello } from "./hello.ts";
import type { Wire } from "./wire.ts";

export const LAN = ip("10.0.2.2");
export const OUTSIDE = ip("198.51.100.7");
/** In a separate /24, so that no other traffic uses up its rate. */
export const HASTY = ip("198.18.0.5");
const ABUSER = ip("203.0.113.200");
const STRANGER = ip("10.0.3.1");
/** `limit 10/s burst 20 per source`. */
export const BURST = 20;
export const ALERT = Buffer.from("15030300020228", "hex");
const WEB = 8443,
  HEALTH = 8080,
  SSH = 22;

export interface Seen {
  /** Answers to the ARP request for the machine's hardware address. */
  readonly arp: number;
  readonly health: string;
  /** The answer of `web` to a hello that the policy admits, and whether both sides ended normally. */
  readonly web: Buffer;
  readonly ended: boolean;
  /** Whether the machine reset the connections that must be refused. */
  readonly refused: { readonly port: boolean; readonly abuser: boolean; readonly stranger: boolean; readonly name: boolean };
  /** Number of admitted connections of one burst, and whether one was admitted a second later. */
  readonly admitted: number;
  readonly recovered: boolean;
}

export async function selftest(wire: Wire): Promise<Seen> {
  const arp = await wire.send(arpRequest(LAN));

  const health = client(wire, LAN, 40_000, HEALTH);
  if (await health.open()) {
    await health.say(Buffer.from("GET / HTTP/1.1\r\nHost: machine\r\n\r\n"));
    await health.finish();
  }

  const web = client(wire, OUTSIDE, 40_001, WEB);
  if (await web.open()) {
    await web.say(await realHello("www.example.com"));
    if (!web.isReset) await web.finish();
  }

  const refusal = async (source: number, sourcePort: number, port: number): Promise<boolean> => {
    const c = client(wire, source, sourcePort, port);
    const isOpen = await c.open();
    if (isOpen) await c.reset();
    return !isOpen && c.isReset;
  };
  const port = await refusal(LAN, 40_002, SSH);
  const abuser = await refusal(ABUSER, 40_003, WEB);
  const stranger = await refusal(STRANGER, 40_004, HEALTH);

  const named = client(wire, OUTSIDE, 40_005, WEB);
  if (await named.open()) {
    await named.say(await realHello("old.api.example.com"));
    if (!named.isReset) await named.finish();
  }

  let admitted = 0;
  for (let i = 0; i <= BURST; i++) {
    const c = client(wire, HASTY, 41_000 + i, WEB);
    if (!(await c.open())) continue;
    admitted++;
    await c.reset();
  }
  await wire.advance(1_000);
  const again = client(wire, HASTY, 42_000, WEB);
  const recovered = await again.open();
  if (recovered) await again.reset();

  return {
    arp: arp.length,
    health: Buffer.concat(health.data).toString("latin1"),
    web: Buffer.concat(web.data),
    ended: health.isEnded && web.isEnded,
    refused: { port, abuser, stranger, name: named.isReset },
    admitted,
    recovered,
  };
}

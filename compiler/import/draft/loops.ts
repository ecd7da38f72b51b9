// Exposes whose backend is a port of another one: the program forwarded to itself, and ingressd refuses to.
import { contains } from "../../check/sets/intervals.ts";
import { readEndpoint } from "../../check/names/endpoint.ts";
import type { Context } from "./context.ts";
import type { Draft, DraftExpose } from "./draft.ts";

/** Such an expose is kept without its backend and admits nobody, so that its names lead to no other one. */
export function withoutLoops(context: Context, { header, exposes }: Draft): Draft {
  return {
    header,
    exposes: exposes.map((expose) => {
      const loop = expose.backends.find((backend) => exposes.some((other) => listensAt(other, expose, backend)));
      if (loop === undefined) return expose;
      context.omit(
        expose.at ?? { at: 0, end: 0 },
        `the backend \`${loop}\``,
        "it is a port that this policy has ingressd open, and ingressd does not connect to itself; give the service another port",
      );
      return { ...expose, backends: [], proxy: null, allows: [] };
    }),
  };
}

function listensAt({ protocols, ports, bind }: DraftExpose, from: DraftExpose, backend: string): boolean {
  const endpoint = readEndpoint(backend);
  if (!endpoint.ok || !protocols.some((protocol) => from.protocols.includes(protocol))) return false;
  const { address, port } = endpoint.value;
  return ports.some(({ first, last }) => first <= port && port <= last) && (bind === null || contains(bind, address));
}

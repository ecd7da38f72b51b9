// Sources by the identities that they need: of a diagram about identities and sources, the lists of words of which a certificate needs one.
import { covers, patternShape } from "../analysis/id_shapes.ts";
import { ALWAYS, NEVER, type Diagram } from "../analysis/diagrams.ts";
import type { Space } from "../analysis/space.ts";
import type { AddressSet } from "../policy/policy.ts";
import { overlaid } from "./overlay.ts";

/**
 * Words of which a certificate needs one, sorted (`uri:spiffe://corp.example/ops/*`). Null: any certificate that the authority of the
 * expose accepts, or none where none is requested. `mixed`: no list says it.
 */
export type Clients = readonly string[] | "mixed" | null;

export interface ClientGrant {
  readonly clients: Clients;
  readonly sources: AddressSet;
}

/** `setOf`: the addresses of a diagram about sources alone. */
export function clientGrants(space: Space, d: Diagram, setOf: (d: Diagram) => AddressSet): readonly ClientGrant[] {
  const { diagrams, ids } = space;
  const all = withOnly(space, d, -1);
  // The atoms by the sources that one of them admits; none of these is admitted without one.
  const bySources = new Map<Diagram, number[]>();
  for (const atom of ids.atoms.keys()) {
    const more = diagrams.minus(withOnly(space, d, atom), all);
    if (more === NEVER) continue;
    const same = bySources.get(more);
    if (same === undefined) bySources.set(more, [atom]);
    else same.push(atom);
  }
  const groups = [...bySources.values()];
  const pieces = overlaid([...bySources.keys()].map((sources, number) => ({ number, set: setOf(sources) })));
  const parts = pieces.map(({ set, members }) => ({ set, atoms: members.flatMap((i) => groups[i] ?? []) }));
  const lists = parts.map(({ atoms }) => wordsOf(space, atoms));
  const again = diagrams.any([all, ...parts.map(({ set, atoms }) => diagrams.and(anyAtom(space, atoms), space.sources(set)))]);
  const anybody: readonly ClientGrant[] = all === NEVER ? [] : [{ clients: null, sources: setOf(all) }];
  if (diagrams.and(again, space.possible) !== d || lists.includes(null)) return [...anybody, { clients: "mixed", sources: setOf(ALWAYS) }];
  return [...anybody, ...parts.map(({ set }, i) => ({ clients: lists[i] ?? ("mixed" as const), sources: set }))];
}

/** Where a certificate has one atom and no others, or none. */
function withOnly({ diagrams, idLevel, sourceLevel }: Space, d: Diagram, atom: number): Diagram {
  let node = d;
  for (let level = diagrams.levelOf(node); level < sourceLevel; level = diagrams.levelOf(node))
    node = level - idLevel === atom ? diagrams.highOf(node) : diagrams.lowOf(node);
  return node;
}

function anyAtom({ diagrams, idLevel }: Space, atoms: readonly number[]): Diagram {
  return [...atoms].sort((x, y) => y - x).reduce((rest: Diagram, atom) => diagrams.node(idLevel + atom, rest, ALWAYS), NEVER);
}

/** Null where a name that a pattern has is not admitted. */
function wordsOf({ ids }: Space, atoms: readonly number[]): readonly string[] | null {
  const words = atoms.flatMap((atom) => ids.atoms[atom]?.patterns ?? []);
  const own = new Set(words);
  if (atoms.some((atom) => ids.exceptionsOf(atom).some((word) => !own.has(word)))) return null;
  const shapes = words.map((word) => patternShape(word));
  return shapes.flatMap((shape) => (shapes.some((wide) => wide !== shape && covers(wide, shape)) ? [] : [shape.word])).sort();
}

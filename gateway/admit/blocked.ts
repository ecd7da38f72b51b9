// Whether an operator has blocked the source of a connection, or the peer that named it, and what its record says of that.
import type { Answer } from "../../runtime/host/decision.ts";
import { detailOf, type Block, type Blocks } from "../blocks/blocks.ts";
import type { ConnectionTable } from "../connection/table.ts";

export interface BlockedBy {
  readonly table: ConnectionTable;
  readonly blocks: Pick<Blocks, "of" | "size">;
}

export function blockOf({ blocks, table }: BlockedBy, row: number): Block | undefined {
  if (blocks.size === 0) return undefined;
  const source = table.sourceOf(row);
  const found = typeof source === "number" ? undefined : blocks.of(source);
  const peer = table.via[row]?.peer;
  return found ?? (peer === undefined ? undefined : blocks.of(peer.address));
}

/** For the record of a refusal by a block; undefined for any other answer. */
export function blockDetail(by: BlockedBy, row: number, answer: Answer): string | undefined {
  if (answer.allowed || answer.later || answer.code !== "blocked") return undefined;
  const block = blockOf(by, row);
  return block === undefined ? undefined : detailOf(block);
}

// The JSON envelope: what every program prints with `--json`, one on a line of standard output.
import type { ExitClass } from "./exit.ts";
import { printableJson } from "./printable.ts";

export interface Envelope {
  /** `ok` is true for the class `ok` alone. */
  readonly class: ExitClass;
  /** In snake_case, for programs; never reworded. */
  readonly code: string;
  /** One sentence, lower case, no period. */
  readonly message: string;
  /** The remedy. */
  readonly help?: string | undefined;
  /** Must survive JSON. */
  readonly data?: unknown;
}

/** Without a line end. Characters that could steer a terminal are escaped inside the strings. */
export function envelopeJson({ class: kind, code, message, help, data }: Envelope): string {
  return printableJson({ ok: kind === "ok", class: kind, code, message, ...(help !== undefined && { help }), ...(data !== undefined && { data }) });
}

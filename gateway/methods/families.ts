// The text format of Prometheus 0.0.4, a family of samples at a time.

type Kind = "counter" | "gauge" | "histogram";
export type Labels = Readonly<Record<string, string | number>>;
/** With a suffix of the family's name where it is a part of a histogram. */
export type Sample = readonly [labels: Labels, value: number, suffix?: string];

export class Families {
  readonly #lines: string[] = [];

  family(name: string, kind: Kind, help: string, rows: readonly Sample[]): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [labels, value, suffix = ""] of rows) this.#lines.push(`${name}${suffix}${labelText(labels)} ${value}`);
  }

  one(name: string, kind: Kind, help: string, value: number): void {
    this.family(name, kind, help, [[{}, value]]);
  }

  /** A counter with one label. */
  byKey(name: string, label: string, help: string, map: ReadonlyMap<string, number>): void {
    const rows = [...map].map(([key, value]): Sample => [{ [label]: key }, value]);
    this.family(name, "counter", help, rows);
  }

  text(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${String(value).replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

// Allows that end soon: what a change admits today, and will not in some days, whether or not the change is about them.
import type { PolicyModel } from "../../analysis/model.ts";
import { SOON_DAYS } from "../../lint/date_warnings.ts";
import { timeText } from "../../wording/time_text.ts";
import { count } from "../outcome.ts";

export interface EndsSoon {
  readonly listener: string;
  readonly proto: "tcp" | "udp";
  /** UTC seconds. */
  readonly until: number;
}

const DAY_SECONDS = 86_400;

/** Those of a policy that end within 30 days of a moment, and have not ended; each end of a listener once, the first one first. */
export function endsSoon({ listeners }: PolicyModel, wallSeconds: number): readonly EndsSoon[] {
  return listeners
    .flatMap(({ name, proto, allows }) => {
      const ends = allows.flatMap(({ until, dryrun }) => (until === null || dryrun ? [] : [until]));
      const soon = ends.filter((until) => until > wallSeconds && until - wallSeconds <= SOON_DAYS * DAY_SECONDS);
      return [...new Set(soon)].map((until): EndsSoon => ({ listener: name, proto, until }));
    })
    .sort((x, y) => x.until - y.until);
}

export function endText({ listener, until }: EndsSoon, wallSeconds: number): string {
  return `an allow of \`${listener}\` ends at ${timeText(until)}, in ${count(Math.floor((until - wallSeconds) / DAY_SECONDS), "day")}`;
}

// The first lines of every output: the policy, the moment that it is right at, and each clause that was left out.
import type { Options } from "./emitter.ts";
import type { LeftOut, Plan } from "./plan.ts";

/** Lines without the mark of a comment. */
export function headerLines(target: string, { hash, asOf, leftOut }: Plan, { file }: Options): readonly string[] {
  return [
    `Written by \`ingressc build --target ${target}\` from ${oneLine(file)}. Edit the policy, not this file.`,
    `Policy ${hash}`,
    ...(asOf === null ? []
    : asOf.next === null ? [`Right at ${timeText(asOf.at)} and at every moment after it`]
    : [`Right at ${timeText(asOf.at)}; write it again by ${timeText(asOf.next)}, when others are admitted`]),
    ...leftOut.map((part) => `Left out: ${leftOutText(part)}`),
  ];
}

export function leftOutText({ what, of, says }: LeftOut): string {
  return oneLine(`${of === "" ? what : `${what} of ${of}`}: ${says}`);
}

/** A name of a file may have any character. */
function oneLine(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}

/** As the language writes it. */
function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/(?::00)?\.000Z$/, "Z");
}

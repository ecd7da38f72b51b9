// The messages of ingress-guard beside its program's output, and its end.

export function say(sentence: string): void {
  process.stderr.write(`ingress-guard: ${sentence}\n`);
}

export function end(exitCode: number, sentence: string): void {
  say(sentence);
  process.exit(exitCode);
}

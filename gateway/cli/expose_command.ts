// `ingressd expose`: registers an intent for a service that does not do it itself, and keeps it
// until it is ended. The client is the one that services use.
import { once } from "node:events";
import type { ExposeWords } from "./arguments.ts";
import { expose, ExposeError } from "../client/expose.mjs";
import { EXIT_DELEGATE, EXIT_REJECTED, failure, isFailure, type Failure } from "../exit.ts";
import { end, runWithoutReader, say } from "./ending.ts";

/** An idle process would end; this is how long one wait of it is. */
const KEEP_ALIVE_MS = 2 ** 30;

export async function runExpose(words: ExposeWords): Promise<void> {
  runWithoutReader();
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ended.abort());
  const outcome = await exposeUntil(words, ended.signal, (line) => void process.stdout.write(`${line}\n`), say);
  if (isFailure(outcome)) return end(outcome);
}

/** Resolves when `ended` is aborted and the port is closed, or with why it never opened. */
async function exposeUntil(words: ExposeWords, ended: AbortSignal, print: (line: string) => void, say: (sentence: string) => void): Promise<null | Failure> {
  const { service, proto, port, backend, mode, expose: meant, proxy, bind, socket } = words;
  const shown = (open: readonly string[]): void => print(`exposed ${service} on ${open.join(", ")}`);
  // The client alone does not keep the process alive.
  const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
  try {
    const exposure = await expose({
      service,
      proto,
      port,
      backend,
      mode,
      ...(meant !== null && { expose: meant }),
      ...(proxy !== null && { proxy }),
      ...(bind !== null && { bind }),
      ...(socket !== null && { socket }),
      onChange: ({ open, because }) => {
        if (because === null) shown(open);
        else say(`\`${service}\` is not exposed now: ${because}; trying again`);
      },
    });
    shown(exposure.open);
    if (!ended.aborted) await once(ended, "abort");
    await exposure.close();
    return null;
  } catch (error) {
    if (!(error instanceof ExposeError)) throw error;
    const unreachable = error.code === "unreachable";
    return failure(unreachable ? EXIT_DELEGATE : EXIT_REJECTED, unreachable ? error.message : `refused (${error.code}): ${error.message}`);
  } finally {
    clearInterval(keepAlive);
  }
}

// How many threads serve: as the configuration says, or one, with a sentence that says why.
import { ok, type Result } from "../../runtime/result/result.ts";
import type { Failure } from "../exit.ts";
import type { Chosen } from "../kernel/choice.ts";
import { chooseEngine, type EngineChoice } from "../kernel/tls_choice.ts";

export interface ChosenThreads {
  /** With the main thread. */
  readonly count: number;
  /** Why there is one alone though more are configured; else null. */
  readonly because: string | null;
  readonly engine: EngineChoice;
}

/** As they serve. */
export interface ServingThreads {
  readonly count: number;
  readonly because: string | null;
  /** Of tcp, for each thread that moves their bytes. */
  connections(): readonly number[];
}

/** The engine of TLS belongs to the choice, because Node's serves in the main thread alone. */
export function chooseThreads(
  wanted: { readonly threads: number; readonly engine: "auto" | "openssl" | "node" },
  chosen: Chosen,
  tried: Parameters<typeof chooseEngine>[2],
): Result<ChosenThreads, Failure> {
  const alone = (because: string | null): Result<ChosenThreads, Failure> => {
    const engine = chooseEngine(wanted.engine, chosen.calls, tried);
    return engine.ok ? ok({ count: 1, because, engine: engine.value }) : engine;
  };
  if (wanted.threads === 1) return alone(null);
  if (chosen.calls === null) return alone("they need the kernel's forwarder, and Node's serves");
  const engine = chooseEngine("openssl", chosen.calls, tried);
  if (engine.ok) return ok({ count: wanted.threads, because: null, engine: engine.value });
  return wanted.engine === "openssl" ? engine : alone(`they need OpenSSL's engine of TLS, and that can't serve here: ${engine.error.message}`);
}

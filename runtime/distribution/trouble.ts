// Why a transfer failed.
import { failed, type Result } from "../result/result.ts";

/** For programs; never reworded. */
export type TroubleCode =
  | "unreachable"
  | "tls"
  | "slow"
  | "truncated"
  | "too_large"
  | "encoded"
  | "redirect"
  | "status"
  | "login"
  | "malformed"
  | "media_type"
  | "digest"
  | "settings"
  | "ending";

export interface Trouble {
  readonly code: TroubleCode;
  /** One sentence, lower case, no period; with the remedy where the user has one. */
  readonly message: string;
  /** How long the server said that it is not to be called, in milliseconds; null where it said nothing. */
  readonly retryAfterMs: number | null;
}

export function trouble(code: TroubleCode, message: string, retryAfterMs: number | null = null): Trouble {
  return { code, message, retryAfterMs };
}

export function troubled(code: TroubleCode, message: string, retryAfterMs: number | null = null): Result<never, Trouble> {
  return failed(trouble(code, message, retryAfterMs));
}

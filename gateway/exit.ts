// How ingressd ends: the exit codes that all programs have, and a failure that ends it.
import { EXIT_CODES } from "../runtime/shell/exit.ts";

export const EXIT_OK = EXIT_CODES.ok;
export const EXIT_USAGE = EXIT_CODES.usage;
/** A policy or a configuration is refused. */
export const EXIT_REJECTED = EXIT_CODES.reject;
/** Something that ingressd needs is not installed. */
export const EXIT_MISSING = EXIT_CODES.missing;
/** Another party failed: a port is busy, no gateway answers. */
export const EXIT_DELEGATE = EXIT_CODES.delegate;
export const EXIT_UNSUPPORTED = EXIT_CODES.unsupported;
export const EXIT_INTERNAL = EXIT_CODES.internal;

/** One sentence for a person and the code that the process ends with. */
export interface Failure {
  readonly exitCode: number;
  readonly message: string;
}

export function failure(exitCode: number, message: string): Failure {
  return { exitCode, message };
}

export function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "exitCode" in value && "message" in value;
}

// Exit codes of ingressd; the same numbers as ingressc's.
export const EXIT_OK = 0;
/** The answer is no. */
export const EXIT_NO = 1;
export const EXIT_USAGE = 2;
/** A policy or a configuration is refused. */
export const EXIT_REJECTED = 3;
/** Something that ingressd needs is not installed. */
export const EXIT_MISSING = 4;
/** Another party failed: a port is busy, no gateway answers. */
export const EXIT_DELEGATE = 5;
export const EXIT_UNSUPPORTED = 6;
export const EXIT_INTERNAL = 7;

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

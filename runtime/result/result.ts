/**
 * The result of a function that can fail in an expected way: the value, or the error that its caller must handle. Such
 * a function never throws for that failure. `E` has no default, because each caller has to know which errors it can
 * get.
 */
export type Result<T, E> = Ok<T> | Failed<E>;

export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Failed<E> {
  readonly ok: false;
  readonly error: E;
}

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

export function failed<E>(error: E): Failed<E> {
  return { ok: false, error };
}

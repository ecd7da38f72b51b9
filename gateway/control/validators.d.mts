import type { ErrorObject } from "ajv";

/** What ajv makes of a schema: `errors` is of the last call. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly ErrorObject[] | null;
}

export const block: Validator;
export const change: Validator;
export const explain: Validator;
export const none: Validator;
export const prepare: Validator;
export const register: Validator;
export const renew: Validator;
export const request: Validator;
export const takeover: Validator;
export const unblock: Validator;
export const unregister: Validator;

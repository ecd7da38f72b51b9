// The types of connection.mjs.
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type Answer = { readonly result: unknown } | { readonly error: RpcFailure };

export interface Connection {
  call(method: string, params?: object): Promise<Answer>;
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>;
  close(): void;
}

export interface ConnectionOptions {
  readonly notified?: (method: string, params: unknown) => void;
  /** It does not keep the process alive. */
  readonly background?: boolean;
}

/** Rejects when nobody answers at `path`. */
export declare function openConnection(path: string, options?: ConnectionOptions): Promise<Connection>;

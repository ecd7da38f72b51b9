// One ClientHello as it is read: the bytes so far, and their meaning. The reader of the socket feeds it; deadlines
// are the caller's.
import { CODE_HELLO_GONE, CODE_HELLO_MALFORMED, CODE_HELLO_TOO_LARGE } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial, type Denial } from "../../runtime/host/decision.ts";
import { createHelloReader, type ClientHello, type HelloAnswer } from "./client_hello.ts";
import type { HelloFault } from "./hello_faults.ts";

export type ReadHello =
  | { readonly hello: ClientHello }
  /** It can't be asked about; `detail` is for the record. */
  | { readonly denial: Denial; readonly detail?: string };

export class HelloReading {
  /** Null until a hello is whole. */
  hello: ClientHello | null = null;
  /** Kept in user space. */
  bytesRead = 0;
  readonly #reader = createHelloReader();

  /** Null while more is to come; nothing is to be fed after another answer. */
  take(chunk: Uint8Array): ReadHello | null {
    this.bytesRead += chunk.length;
    return this.#answer(this.#reader.feed(chunk));
  }

  /** The client has ended. */
  end(): ReadHello | null {
    return this.#answer(this.#reader.end());
  }

  /** The client's socket is gone. */
  gone(): ReadHello {
    return { denial: denial(CODE_HELLO_GONE) };
  }

  /** Bytes that have to come at least before more is known. */
  bytesDue(): number {
    return this.#reader.bytesDue();
  }

  /** All that was read. */
  bytes(): Buffer {
    return this.#reader.bytes();
  }

  #answer(answer: HelloAnswer): ReadHello | null {
    switch (answer.kind) {
      case "more":
        return null;
      case "hello":
        this.hello = answer.hello;
        return { hello: answer.hello };
      case "malformed":
        return { denial: denial(codeOf(answer.fault)), detail: answer.fault };
    }
  }
}

function codeOf(fault: HelloFault): CodeNumber {
  if (fault === "cut_short") return CODE_HELLO_GONE;
  return fault === "too_large" || fault === "too_many_records" ? CODE_HELLO_TOO_LARGE : CODE_HELLO_MALFORMED;
}

// The part of the WebAssembly JavaScript interface that the host uses; the DOM library, where
// TypeScript keeps it, would bring all of a browser's names along.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
}

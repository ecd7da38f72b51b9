// Declares the part of the WebAssembly JavaScript interface that the host uses. TypeScript has it in its DOM library, which
// would also declare all of a browser's names.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
}

// Loaded before each test file. When nothing is left to wait for, the process is ended as ingressd
// ends itself. Left to itself Node 26 tears its handles down one by one, and never gets to the end
// when the handle under a TLS socket of an accepted connection was closed in the same turn: one run
// in ten of ingress_host/tls.test.ts turned on the spot, its tests all passed.
// A handle that a test leaves open still holds the process, and fails it by its time.
process.once("beforeExit", () => process.exit());

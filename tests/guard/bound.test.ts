// The kernel's tables of sockets: how their addresses read.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { endpointText } from "../../runtime/shell/procfs.ts";

const test = suite("bound sockets");
const rows: readonly (readonly [text: string, due: string | null])[] = [
  ["0100007F:1F90", "127.0.0.1:8080"],
  ["00000000:0016", "0.0.0.0:22"],
  ["FEFFFFC0:FFFF", "192.255.255.254:65535"],
  ["00000000000000000000000001000000:1F90", "[::1]:8080"],
  ["00000000000000000000000000000000:0000", "[::]:0"],
  ["0000000000000000FFFF00000100007F:1F90", "127.0.0.1:8080"],
  ["B80D0120000000000000000001000000:0001", "[2001:db8::1]:1"],
  ["", null],
  ["0100007F", null],
  ["0100007F:", null],
  ["0100007F:1F9", null],
  ["0100007F01:1F90", null],
  ["000000000000000001000000:1F90", null],
];
for (const [text, due] of rows) test(`\`${text}\``, () => assert.is(endpointText(text), due));

test.run();

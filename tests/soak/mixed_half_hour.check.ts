// Half an hour of visits of every kind, at both forwarders at the same time. Whatever is open between two tenths has
// ended, and the heap after collection does not grow.
import { FORWARDERS } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { either } from "./measured.ts";
import { missing, tenParts, visitedGateway, type VisitKind } from "./visited_gateway.ts";

const test = suite("mixed_half_hour");
const RATE = either(100, 150);
const PART_SECONDS = either(180, 2);
const AT_ONCE = 256;
const KINDS: readonly VisitKind[] = [
  "plain",
  "tls",
  "refused",
  "passthrough",
  "abort_plain",
  "mtls",
  "udp",
  "plain",
  "abort_tls",
  "refused",
  "tls",
  "abort_passthrough",
];

const because = missing();
if (because !== null) skip("a mixed half hour", because);
else
  test(`${either("half an hour", "20 s")} of plain, passthrough, TLS, mTLS and udp, refusals and aborts: the heap does not grow by more than 2 MiB`, async () => {
    await Promise.all(
      FORWARDERS.map(async (forwarder) => {
        const it = await visitedGateway(forwarder, KINDS);
        await tenParts(it, () => it.run(RATE * PART_SECONDS, AT_ONCE, RATE));
        await it.stop();
      }),
    );
  });

test.run();

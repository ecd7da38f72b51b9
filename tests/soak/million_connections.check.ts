// A million short connections, one after the other in a closed loop, at each forwarder.
import { FORWARDERS } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { either, figure } from "./measured.ts";
import { missing, tenParts, visitedGateway } from "./visited_gateway.ts";

const test = suite("million_connections");
const CONNECTIONS = either(1_000_000, 20_000);
const AT_ONCE = 64;

const because = missing();
if (because !== null) skip("a million connections", because);
else
  for (const forwarder of FORWARDERS)
    test(`${CONNECTIONS} short connections at the forwarder ${forwarder}: the heap does not grow by more than 2 MiB`, async () => {
      const it = await visitedGateway(forwarder, ["plain"]);
      await tenParts(it, () => it.run(CONNECTIONS / 10, AT_ONCE, 0));
      figure(`${forwarder}: connections`, String(CONNECTIONS));
      await it.stop();
    });

test.run();

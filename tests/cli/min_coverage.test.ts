// ingressc test --min-coverage: the share at N and at N + 1, beside --require-tests and failing tests.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("min-coverage");
test.before((context) => {
  const dir = folder();
  context.dir = dir;
  dir.write("p.ingress", POLICY);
  dir.write("none.ingress", "edition 1\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from any }\n");
  dir.write("fails.ingress", POLICY.replace("=> allow", "=> deny cidr"));
});
test.after(({ dir }) => dir.remove());

/** Of two rules and two members of a set, one line covers one rule and one member. */
const POLICY = `edition 1
net office = 198.51.100.0/24, 192.0.2.0/24
expose web on tcp 80 { backend 127.0.0.1:8080 allow from office deny from 192.0.2.7 }
test "office" { from 198.51.100.1 to web => allow }
`;

const ROWS: readonly (readonly [args: string, exit: number, code: string, out: RegExp])[] = [
  ["p.ingress", 0, "policy.tests_passed", /passed/],
  ["p.ingress --min-coverage 1", 0, "policy.tests_passed", /1 of 2 decide a line \(50%\)/],
  ["p.ingress --min-coverage 50", 0, "policy.tests_passed", /members of sets/],
  ["p.ingress --min-coverage 51", 1, "policy.low_coverage", /cover 50% of the rules and members of sets \(2 of 4\), and `--min-coverage` wants 51%/],
  ["p.ingress --min-coverage 100 --require-tests", 1, "policy.low_coverage", /never met .*`192\.0\.2\.0\/24` of `net office`/],
  ["fails.ingress --min-coverage 1", 1, "policy.test_failed", /1 of 1 test line failed/],
  ["none.ingress", 0, "policy.no_tests", /has no tests/],
  ["none.ingress --min-coverage 1", 1, "policy.low_coverage", /cover 0% .*\(0 of 1\)/],
  ["none.ingress --min-coverage 1 --require-tests", 1, "policy.no_tests", /has no tests, and/],
  ["p.ingress --min-coverage 0", 2, "usage.min_coverage", /`0` is no percentage/],
  ["p.ingress --min-coverage 101", 2, "usage.min_coverage", /`101` is no percentage/],
  ["p.ingress --min-coverage 9.5", 2, "usage.min_coverage", /`9\.5` is no percentage/],
  ["p.ingress --min-coverage x", 2, "usage.min_coverage", /`x` is no percentage/],
  ["p.ingress --min-coverage 50 --filter office", 2, "usage.min_coverage", /`--filter` excludes/],
];

for (const [args, exit, code, out] of ROWS) {
  test(args, async ({ dir }) => {
    const words = ["test", ...args.split(" ")];
    const ended = await ingresscHere(words, dir.path);
    assert.is(ended.code, exit, ended.out + ended.err);
    assert.match(`${ended.out}${ended.err}`, out);
    assert.is(envelope(await ingresscHere([...words, "--json"], dir.path))["code"], code);
  });
}

test.run();

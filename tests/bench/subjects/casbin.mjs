// casbin: one policy line a prefix or name, `ipMatch` (casbin.org/docs/function) in the matcher, the
// effect in which a deny overrides (casbin.org/docs/syntax-for-models), `enforceSync`. For names the
// wildcard is a pattern for `regexMatch`, since `keyMatch` and `globMatch` let `*` cross dots.
import { createRequire } from "node:module";
import { readLists } from "../worlds.mjs";

const { newEnforcer, newModel, StringAdapter } = createRequire(import.meta.url)("casbin");

const MODEL = (matcher) => `[request_definition]
r = sub, obj
[policy_definition]
p = sub, obj, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.obj == p.obj && ${matcher}`;

const pattern = (name) => `^${name.replaceAll(".", "[.]").replace("*", "[^.]+")}$`;

export async function casbin(folder, world) {
  const [allowed, denied] = readLists(folder, world);
  const line = (effect) => (entry) => `p, ${world.names === null ? entry : pattern(entry)}, web, ${effect}`;
  const lines = [...allowed.map(line("allow")), ...denied.map(line("deny"))].join("\n");
  const matcher = world.names === null ? "ipMatch(r.sub, p.sub)" : "regexMatch(r.sub, p.sub)";
  const enforcer = await newEnforcer(newModel(MODEL(matcher)), new StringAdapter(lines));
  return { decide: (source, name) => enforcer.enforceSync(name ?? source, "web") };
}

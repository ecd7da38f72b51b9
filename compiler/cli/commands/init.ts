// ingressc init: the sockets that listen on this host -> a first policy.
import { existsSync } from "node:fs";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { checkedText, firstPolicy } from "../init/first_policy.ts";
import { findListeners } from "../init/listeners.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { writeModule } from "../write.ts";

export async function run(args: Arguments): Promise<Outcome> {
  const out = args.flags.get("out");
  if (out !== undefined && existsSync(out))
    return usage(
      "output_exists",
      `\`${out}\` is there already`,
      "give `-o` the path of a file that is not there; `init` writes a first policy and replaces none",
    );
  const found = findListeners("/proc", "/etc/passwd");
  if (found === null) {
    return {
      class: "unsupported",
      code: "policy.no_sockets",
      message: "this system has no `/proc/net/tcp`, so nobody knows what listens",
      help: "run it on Linux, with /proc mounted",
    };
  }
  const first = firstPolicy(found);
  const text = checkedText(first.text);
  if (text === null)
    return {
      class: "internal",
      code: "policy.init_defect",
      message: "the first policy does not pass `check`",
      help: "please report it with the output of `ss -Hltunp`; nothing was written",
    };
  const { exposes, stays } = first;
  const message = `${count(exposes, "listener")} found${stays === 0 ? "" : `, and ${stays} that ${stays === 1 ? "is" : "are"} not moved`}`;
  if (out === undefined) return { class: "ok", code: "policy.initialized", message, data: { policy: text, exposes, stays }, report: () => text.trimEnd() };
  const trouble = await writeModule(out, Buffer.from(text), new Set());
  return trouble ?? { class: "ok", code: "policy.initialized", message: `${message}; \`${out}\` has the policy`, data: { out, exposes, stays } };
}

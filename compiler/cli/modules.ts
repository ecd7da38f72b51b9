// X.wasm on a disk -> its bytes, or the outcome that says why not.
import { failed, type Result } from "../../runtime/result/result.ts";
import { readRegular, type RegularFailure } from "./disk.ts";
import { MAX_MODULE_BYTES } from "../../runtime/host/verify.ts";
import type { Refusal } from "../../runtime/host/module.ts";
import { usage, type Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import { isStandardInput, readStandardInput } from "./standard_input.ts";

/** Says that a module is checked, which takes a large one as long as its text. */
export function beginModule(progress: Progress, bytes: Uint8Array): void {
  progress.step(bytes.length);
  progress.begin("checking the module");
}

/** A WebAssembly file by its first four bytes, whatever it is called. */
export function looksLikeModule(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}

export function readModule(path: string): Result<Uint8Array, Outcome> {
  const bytes = isStandardInput(path) ? readStandardInput(MAX_MODULE_BYTES) : readRegular(path, MAX_MODULE_BYTES);
  return bytes.ok ? bytes : failed(unread(path, bytes.error));
}

function unread(path: string, why: RegularFailure): Outcome {
  const name = `\`${path}\``;
  switch (why) {
    case "missing":
      return usage("missing_file", `there is no file ${name}`, "check the path of the module");
    case "folder":
      return usage("not_a_file", `${name} is a folder`, "name the `.wasm` file that `ingressc build` wrote");
    case "special":
      return usage("not_a_file", `${name} is not a regular file`, "name the `.wasm` file that `ingressc build` wrote");
    case "unreadable":
      return usage("unreadable_file", `${name} can't be read`, "check the permissions of the file and of its folder");
    case "too_large":
      return {
        class: "reject",
        code: "policy.module_too_large",
        message: `${name} is larger than any policy module`,
        help: "name the `.wasm` file that `ingressc build` wrote",
      };
  }
}

/** For a file that no gateway would load, whatever keys it trusts. */
export function refusedModule(path: string, { code, message }: Refusal): Outcome {
  return {
    class: "reject",
    code: `policy.${code}`,
    message: `\`${path}\` is refused (${code}): ${message}`,
    help: "ingressd would not load it; build the policy again with `ingressc build`",
  };
}

// Another program's configuration -> the text of a policy that admits no connection that the source refuses. Each format has a file or a
// folder of its own.
import { checkSource } from "../compile.ts";
import { importAws } from "./aws.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { format } from "../format/format.ts";
import { MAX_SOURCE_BYTES } from "../source/bounds.ts";
import type { SourceFile } from "../source/source.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { Context, type LeftOut } from "./draft/context.ts";
import type { Draft } from "./draft/draft.ts";
import { withoutLoops } from "./draft/loops.ts";
import { policyText } from "./draft/policy_text.ts";
import type { YamlReader } from "./draft/yaml_reader.ts";
import { importHaproxy } from "./haproxy/haproxy.ts";
import { importKubernetes, isJson } from "./kubernetes.ts";
import { importNft } from "./nft/nft.ts";
import { importNginx } from "./nginx/nginx.ts";
import { importTailscale } from "./tailscale.ts";
import { importTerraform } from "./terraform.ts";

type Importer = (context: Context, yaml: YamlReader) => Draft | null;

const FORMATS = {
  nft: { program: "nftables", importer: importNft },
  nginx: { program: "nginx", importer: importNginx },
  haproxy: { program: "HAProxy", importer: importHaproxy },
  aws: { program: "AWS", importer: importAws },
  terraform: { program: "Terraform", importer: importTerraform },
  kubernetes: { program: "Kubernetes", importer: importKubernetes },
  tailscale: { program: "Tailscale", importer: importTailscale },
} as const satisfies Readonly<Record<string, { readonly program: string; readonly importer: Importer }>>;

export type Format = keyof typeof FORMATS;

export const FORMAT_NAMES: readonly string[] = Object.keys(FORMATS);

export function isFormat(name: string): name is Format {
  return Object.hasOwn(FORMATS, name);
}

export interface Imported {
  readonly text: string;
  readonly left: readonly LeftOut[];
}

/** Whether `importFrom` needs a reader of YAML for a file. */
export function needsYaml(name: Format, text: string): boolean {
  return name === "kubernetes" && !isJson(text);
}

/** Formatted, and without errors: whatever the source contains, the policy passes `check`. */
export function importFrom(name: Format, file: SourceFile, yaml: YamlReader = NO_YAML): Result<Imported, readonly Diagnostic[]> {
  const { program, importer } = FORMATS[name];
  const context = new Context(file);
  const imported = importer(context, yaml);
  const draft = imported === null ? null : withRemoteNote(withoutLoops(context, imported));
  const top = { at: 0, end: 0 };
  const left = context.left();
  if (draft === null && context.faults.length === 0)
    context.fault("ING875", top, `there is nothing in it that ${program} admits`, "check that it is the right file");
  if (draft === null || context.faults.length > 0) return failed(inOrder(context.faults));
  const text = policyText(draft, left, program, file.path);
  if (new TextEncoder().encode(text).length > MAX_SOURCE_BYTES) {
    context.fault("ING877", top, "its policy would be larger than 4 MiB", "import a part of it, and put long lists of addresses into list files");
    return failed(context.faults);
  }
  return finished(text);

  function finished(written: string): Result<Imported, readonly Diagnostic[]> {
    const entry: SourceFile = { path: file.path, text: written };
    const formatted = format(entry);
    const found = formatted.ok ? checkSource({ path: file.path, text: formatted.value }, NO_FILES).diagnostics : null;
    if (formatted.ok && found?.length === 0) return ok({ text: formatted.value, left });
    const says = found?.[0]?.message ?? "it could not be formatted";
    return failed([diagnostic("ING877", { says: `its policy would not be valid: ${says}`, help: "import a part of it" }, { file, start: 0, end: 0 })]);
  }
}

const NO_YAML: YamlReader = (context) => context.fault("ING873", { at: 0, end: 1 }, "this is not JSON", "give it as JSON");

/** ingressd connects to other hosts only where its configuration has their networks. */
function withRemoteNote({ header, exposes }: Draft): Draft {
  const hasRemote = exposes.some(({ backends }) => backends.some((backend) => backend.startsWith("remote ")));
  return { header: hasRemote ? [...header, "a `backend remote` needs its network in `backends.networks` of ingressd's configuration"] : header, exposes };
}

/** The policy names no other file. */
const NO_FILES = { read: () => failed("missing" as const) };

function inOrder(faults: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...faults].sort((a, b) => a.span.start - b.span.start);
}

// The one function of yaml_document.ts, as the importers get it.
import type { Context } from "./context.ts";
import type { Doc } from "./document.ts";

/** `readYaml` of yaml_document.ts, which is loaded only where a file is YAML. Null after a fault. */
export type YamlReader = (context: Context) => readonly Doc[] | null;
